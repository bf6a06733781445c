"""Structures drawn as SVG by RDKit."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 320, 220


def drawing(smiles: str, width: int = WIDTH, height: int = HEIGHT, highlight: Sequence[int] = ()) -> Markup:
    """Return the picture of a molecule.

    Parameters
    ----------
    smiles
        Its structure; what RDKit cannot read becomes a sentence in place of a picture.
    width, height
        Pixels.
    highlight
        Numbers of atoms to mark, 0-based, in the order of the SMILES.

    Returns
    -------
    markupsafe.Markup
        An SVG element: RDKit writes atoms and bonds alone, nothing of the text comes into it; or a paragraph.
    """
    # RDKit takes a second to import.
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return Markup("<p>The structure cannot be drawn: {}</p>").format(smiles or "no SMILES")
    canvas = rdMolDraw2D.MolDraw2DSVG(width, height)
    canvas.drawOptions().setBackgroundColour((1, 1, 1, 0))
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule, highlightAtoms=list(highlight))
    canvas.FinishDrawing()
    svg = canvas.GetDrawingText()
    return Markup(svg[svg.index("<svg") :])  # noqa: S704 - RDKit's own, see above
