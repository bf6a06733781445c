"""What type of assay a task is: cell, biochemical, viral, yeast or bacterial.

Broad6K's assays are 32 of the 270 of Moshkov et al. 2023 (Nature Communications 14, 1967), whose published table of
assays (``assay_metadata.csv``) gives the type of each; the data sets of the paper have their column names. The others
state none: ChEMBL2K's tasks are binding to one protein each, ToxCast's are named by their assay.
"""

from __future__ import annotations

from collections.abc import Mapping

_BROAD6K = {
    "biochemical": "220_692 239_713 240_714 243_717 244_718 246_720 247_721 248_722 249_724 264_742 268_746 276_755",
    "cell": "221_693 231_703 233_706 234_707 235_708 251_727 260_738 269_747 270_748 274_752 275_754 277_756 278_757"
    " 279_758",
    "viral": "238_712 265_743",
    "bacterial": "241_715 242_716 280_759",
    "yeast": "267_745",
}
_TYPES: dict[str, dict[str, str]] = {
    "broad6k": {task: name for name, tasks in _BROAD6K.items() for task in tasks.split()},
}


def assay_types(task: str) -> Mapping[str, str]:
    """Return the assay type of each task of a data set by its name; empty where none is known."""
    return _TYPES.get(task, {})
