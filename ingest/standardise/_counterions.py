"""Acids, bases and solvents that come with drugs and are not the drug. Facts of chemistry, as neutral SMILES.

Compared without stereo and charge, so maleic acid stands for fumaric acid and malate for both malic acids.
"""

from __future__ import annotations

ACIDS = (
    "OC=O",  # formic
    "CC(=O)O",  # acetic
    "CCC(=O)O",  # propionic
    "OC(=O)C(F)(F)F",  # trifluoroacetic
    "OC(=O)C(Cl)Cl",  # dichloroacetic
    "OCC(=O)O",  # glycolic
    "CC(O)C(=O)O",  # lactic
    "OC(=O)C(=O)O",  # oxalic
    "OC(=O)CC(=O)O",  # malonic
    "OC(=O)CCC(=O)O",  # succinic
    "OC(=O)CCCC(=O)O",  # glutaric
    "OC(=O)CCCCC(=O)O",  # adipic
    "OC(=O)C=CC(=O)O",  # maleic, fumaric
    "OC(=O)CC(O)C(=O)O",  # malic
    "OC(=O)C(O)C(O)C(=O)O",  # tartaric
    "OC(=O)CC(O)(CC(=O)O)C(=O)O",  # citric
    "OC(=O)C(O)C(O)C(O)C(O)CO",  # gluconic
    "OC(=O)C(O)C(O)C(O)C(O)C(O)CO",  # glucoheptonic
    "O=CC(O)C(O)C(O)C(O)C(=O)O",  # glucuronic, open
    "OC1OC(C(=O)O)C(O)C(O)C1O",  # glucuronic, ring
    "OC(=O)C(O)C(O)C(O)C(O)C(=O)O",  # glucaric, mucic
    "OC(=O)c1ccccc1",  # benzoic
    "OC(=O)c1ccccc1O",  # salicylic
    "OC(=O)c1cc(O)ccc1O",  # gentisic
    "OC(C(=O)O)c1ccccc1",  # mandelic
    "OC(=O)CNC(=O)c1ccccc1",  # hippuric
    "OC(=O)C(c1ccccc1)(c1ccccc1)c1ccccc1",  # trifenatic
    "OC(=O)c1ccc(C(=O)O)cc1",  # terephthalic
    "OC(=O)c1cc(S(=O)(=O)O)ccc1O",  # sulfosalicylic
    "OC(=O)c1cccnc1",  # nicotinic
    "O=C(O)c1cc(=O)[nH]c(=O)[nH]1",  # orotic
    "OC(=O)c1ccc2ccccc2c1O",  # xinafoic
    "OC(=O)c1cc2ccccc2cc1O",  # 3-hydroxy-2-naphthoic
    "OC(=O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O",  # pamoic
    "OC(=O)C1CCC(=O)N1",  # pyroglutamic
    "NCC(=O)O",  # glycine
    "NC(CC(=O)O)C(=O)O",  # aspartic
    "NC(CCC(=O)O)C(=O)O",  # glutamic
    "CCCCCCCC(=O)O",  # caprylic
    "CCCCCCCCCCCC(=O)O",  # lauric
    "CCCCCCCCCCCCCCCC(=O)O",  # palmitic
    "CCCCCCCCCCCCCCCCCC(=O)O",  # stearic
    "CCCCCCCCC=CCCCCCCCC(=O)O",  # oleic
    "CS(=O)(=O)O",  # mesylic
    "CCS(=O)(=O)O",  # esylic
    "OCCS(=O)(=O)O",  # isethionic
    "OS(=O)(=O)CCS(=O)(=O)O",  # edisylic
    "OS(=O)(=O)C(F)(F)F",  # triflic
    "OS(=O)(=O)c1ccccc1",  # besylic
    "Cc1ccc(S(=O)(=O)O)cc1",  # tosylic
    "OS(=O)(=O)c1ccc(Cl)cc1",  # closylic
    "OS(=O)(=O)c1ccc2ccccc2c1",  # napsylic
    "OS(=O)(=O)c1cccc2c(S(=O)(=O)O)cccc12",  # napadisylic
    "CC1(C)C2CCC1(CS(=O)(=O)O)C(=O)C2",  # camsylic
    "OS(=O)(=O)NC1CCCCC1",  # cyclamic
    "COS(=O)(=O)O",  # methyl sulfate
    "CCOS(=O)(=O)O",  # ethyl sulfate
    "CCCCCCCCCCCCOS(=O)(=O)O",  # lauryl sulfate
    "O=C1NS(=O)(=O)c2ccccc12",  # saccharin
    "Oc1c([N+](=O)[O-])cc([N+](=O)[O-])cc1[N+](=O)[O-]",  # picric
)
BASES = (
    "CN",  # methylamine
    "CCNCC",  # diethylamine
    "CCN(CC)CC",  # triethylamine
    "CC(C)(C)N",  # erbumine
    "NCCN",  # ethylenediamine
    "NCCO",  # olamine
    "CN(C)CCO",  # deanol
    "OCCNCCO",  # diolamine
    "OCCN(CCO)CCO",  # trolamine
    "OCCN1CCCC1",  # epolamine
    "NC(CO)(CO)CO",  # tromethamine
    "CNCC(O)C(O)C(O)C(O)CO",  # meglumine
    "CN1CC(=O)NC1=N",  # creatinine (serotonin creatinine sulfate)
    "C[N+](C)(C)CCO",  # choline
    "C[N+](C)(C)CC(=O)[O-]",  # betaine
    "CCCC[N+](CCCC)(CCCC)CCCC",  # tetrabutylammonium
    "C1CNCCN1",  # piperazine
    "C1COCCN1",  # morpholine
    "C1CCC(NC2CCCCC2)CC1",  # dicyclohexylamine
    "C(NCc1ccccc1)CNCc1ccccc1",  # benzathine
    "NCCCCC(N)C(=O)O",  # lysine
    "NC(=N)NCCCC(N)C(=O)O",  # arginine
)
SOLVENTS = (
    "C",  # what is left of methanol or a methylated counter-ion in some files
    "CO",
    "CCO",
    "CCCO",
    "CC(C)O",
    "CCCCO",
    "CC(C)(C)O",
    "OCCO",
    "CC(O)CO",
    "CC(C)=O",
    "CCC(C)=O",
    "CC#N",
    "CN(C)C=O",
    "CN(C)C(C)=O",
    "CN1CCCC1=O",
    "CS(C)=O",
    "C1CCOC1",
    "C1COCCO1",
    "CCOCC",
    "COC(C)(C)C",
    "COCCOC",
    "CCOC(C)=O",
    "ClCCl",
    "ClC(Cl)Cl",
    "ClCCCl",
    "c1ccccc1",
    "Cc1ccccc1",
    "Cc1ccccc1C",
    "Cc1cccc(C)c1",
    "Cc1ccc(C)cc1",
    "CCCCCC",
    "CCCCCCC",
    "C1CCCCC1",
    "c1ccncc1",
)
INORGANIC = (
    "OC(O)=O",  # carbonic
    "O=C=O",
    "[C-]#[O+]",
    "C#N",  # hydrogen cyanide
    "SC#N",  # thiocyanic
    "N=C=S",
    "OC#N",  # cyanic
    "N=C=O",
)
"""Carbon that makes no organic fragment."""
