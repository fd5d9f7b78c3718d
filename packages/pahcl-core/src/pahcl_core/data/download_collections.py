"""The public collections that can be downloaded: where they are, on which terms, and how large.

What is known of PASCAL's addresses comes from public scripts that fetch it, not from its page; the
sizes of collections are rounded up from the total of their recordings. `--url` names a mirror when
an address has changed; PhysioNet's open collections are also below
`https://physionet-open.s3.amazonaws.com/`, such as `circor-heart-sound/1.0.3/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CHECKSUMS = "SHA256SUMS.txt"
"""At the root of every version on PhysioNet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """One of PASCAL's zip archives."""

    name: str
    folder: str
    """`set_a` or `set_b`, where its recordings go."""

    label: str
    """What the names of its recordings begin with, as `pascal_names` reads them."""

    num_recordings: int
    """As published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteCollection:
    """A collection that can be downloaded."""

    name: str
    title: str
    url: str
    """Of the folder that holds its files; ends with a slash."""

    num_bytes: int
    """Room on disk for what is used of it, rounded up."""

    num_recordings: int
    """WAV files fetched when nothing is missing, as published."""

    licence: str
    citation: str
    access: str
    """Whether an account is needed, and how it is had."""

    verification: str
    """What the files are compared with."""

    unused: tuple[str, ...] = ()
    """Patterns of files that are left out unless everything is asked for."""

    unused_because: str = ""
    archives: tuple[Archive, ...] = ()
    """What to fetch where there is no checksum list."""

    def notice(self) -> str:
        """What a person reads before anything is fetched."""
        return "\n".join(
            (
                self.title,
                f"  address:  {self.url}",
                f"  licence:  {self.licence}",
                f"  cite:     {self.citation}",
                f"  account:  {self.access}",
                f"  verified: {self.verification}",
            )
        )


_PHYSIONET = (
    "Goldberger et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101(23), "
    "e215–e220, 2000"
)
_OPEN = "none needed, it is open access; PhysioNet asks for one only for restricted collections"
_BY_LIST = f"every file against the SHA-256 in the collection's own {CHECKSUMS}"

CIRCOR = RemoteCollection(
    name="circor",
    title="The CirCor DigiScope Phonocardiogram Dataset, version 1.0.3",
    url="https://physionet.org/files/circor-heart-sound/1.0.3/",
    num_bytes=650_000_000,
    num_recordings=3163,
    licence="Open Data Commons Attribution License 1.0 (ODC-By)",
    citation="Oliveira et al., The CirCor DigiScope Dataset: From Murmur Detection to Murmur "
    "Classification, IEEE Journal of Biomedical and Health Informatics 26(6), 2022, "
    f"doi:10.1109/JBHI.2021.3137048; and {_PHYSIONET}",
    access=_OPEN,
    verification=_BY_LIST,
)

PHYSIONET2016 = RemoteCollection(
    name="physionet2016",
    title="Classification of Heart Sound Recordings: the PhysioNet/Computing in Cardiology "
    "Challenge 2016, version 1.0.0",
    url="https://physionet.org/files/challenge-2016/1.0.0/",
    num_bytes=450_000_000,
    num_recordings=3240,
    licence="Open Data Commons Attribution License 1.0 (ODC-By)",
    citation="Liu et al., An open access database for the evaluation of heart sound algorithms, "
    f"Physiological Measurement 37(12), 2181–2213, 2016; and {_PHYSIONET}",
    access=_OPEN,
    verification=_BY_LIST,
    unused=("validation/*", "sources/*", "papers/*", "*.zip"),
    unused_because="copies of training recordings, and the entries of the Challenge",
)

PASCAL = RemoteCollection(
    name="pascal",
    title="The PASCAL Classifying Heart Sounds Challenge 2011",
    url="http://www.peterjbentley.com/heartchallenge/wav/",
    num_bytes=320_000_000,
    num_recordings=832,
    licence="none is named; the organisers ask for the citation",
    citation="Bentley, Nordehn, Coimbra, Mannor, Getz, The PASCAL Classifying Heart Sounds "
    "Challenge 2011 (CHSC2011), http://www.peterjbentley.com/heartchallenge/index.html",
    access="none needed",
    verification="no checksum list is published: sizes as the server says, the CRC-32 of "
    "everything in the archives, the number of recordings, and that each can be read",
    archives=(
        Archive(name="Atraining_normal.zip", folder="set_a", label="normal", num_recordings=31),
        Archive(name="Atraining_murmur.zip", folder="set_a", label="murmur", num_recordings=34),
        Archive(name="Atraining_extrahs.zip", folder="set_a", label="extrahls", num_recordings=19),
        Archive(name="Atraining_artifact.zip", folder="set_a", label="artifact", num_recordings=40),
        Archive(
            name="Aunlabelledtest.zip", folder="set_a", label="Aunlabelledtest", num_recordings=52
        ),
        Archive(name="Btraining_normal.zip", folder="set_b", label="normal", num_recordings=320),
        Archive(name="Btraining_murmur.zip", folder="set_b", label="murmur", num_recordings=95),
        Archive(
            name="Btraining_extrasystole.zip", folder="set_b", label="extrastole", num_recordings=46
        ),
        Archive(
            name="Bunlabelledtest.zip", folder="set_b", label="Bunlabelledtest", num_recordings=195
        ),
    ),
)

COLLECTIONS: Mapping[str, RemoteCollection] = MappingProxyType(
    {one.name: one for one in (CIRCOR, PHYSIONET2016, PASCAL)}
)
