"""Reading the PASCAL challenge: two spellings of names, classes, persons, where it is."""

import pytest

from pahcl_core.data.pascal import read_pascal
from pahcl_core.data.pascal_names import PascalName, parse_name
from pahcl_core.errors import DataError
from support.recordings import write_wav

NORMAL = "set_b/normal__103_1305031931979_B"
NOT_THERE = "is missing: its recordings are not in the collection"
PERSONS = "nothing says who was recorded: the {} recordings are taken for those of {} persons, one "


def problems_of(root):
    return {(one.file, one.row): one.reason for one in read_pascal(root).problems}


def persons_of(root):
    return {one.subject_id: one.person_id for one in read_pascal(root).subjects}


def test_reads_recordings_of_either_set(make_pascal):
    """Every field, from the name, the table and the WAV header."""
    root = make_pascal(
        "set_a/murmur__201108222231", "set_b/murmur_noisymurmur_161_1307101199321_C2"
    )

    collection = read_pascal(root)

    (first, second), (one, other) = collection.recordings, collection.subjects
    assert (collection.name, collection.root, collection.provenance) == ("pascal", root, "real")
    assert first.recording_id == first.subject_id == one.subject_id == "set_a/murmur__201108222231"
    assert first.path == root / "set_a" / "murmur__201108222231.wav"
    assert (first.sample_rate, first.num_samples, first.location) == (44100, 1000, None)
    assert first.labels == one.labels == {"published_class": "murmur", "class": "murmur"}
    assert first.states_path is None
    assert (one.person_id, one.attributes) == (
        "a-20110822",
        {"set": "a", "session": "201108222231"},
    )
    assert second.recording_id == "set_b/murmur_noisymurmur_161_1307101199321_C2"
    assert (second.sample_rate, second.num_samples) == (4000, 1000)
    assert other.person_id == "b-161"
    assert other.attributes == {
        "set": "b",
        "session": "1307101199321",
        "take": "C2",
        "remark": "noisymurmur",
    }


@pytest.mark.parametrize(
    ("folder", "stem", "name"),
    [
        (
            "set_b",
            "extrastole__127_1306764300147_C2",
            PascalName(
                published_class="extrasystole", session="1306764300147", subject="127", take="C2"
            ),
        ),
        (
            "set_b",
            "normal_noisynormal_296_1311682952647_D",
            PascalName(
                published_class="normal",
                remark="noisynormal",
                session="1311682952647",
                subject="296",
                take="D",
            ),
        ),
        (
            "set_b",
            "murmur_noisymurmur_162_1307101835989_B_1",
            PascalName(
                published_class="murmur",
                remark="noisymurmur",
                session="1307101835989",
                subject="162",
                take="B_1",
            ),
        ),
        (
            "set_b",
            "Bunlabelledtest__101_1305030823364_B",
            PascalName(published_class=None, session="1305030823364", subject="101", take="B"),
        ),
        (
            "set_a",
            "extrahls__201101070953",
            PascalName(published_class="extrahls", session="201101070953"),
        ),
        (
            "set_a",
            "Aunlabelledtest__201012172010",
            PascalName(published_class=None, session="201012172010"),
        ),
    ],
)
def test_a_name_on_disk(folder, stem, name):
    assert parse_name(folder, stem) == name


@pytest.mark.parametrize(
    ("folder", "in_table", "on_disk"),
    [
        (
            "set_b",
            "Btraining_extrastole_127_1306764300147_C2",
            "extrastole__127_1306764300147_C2",
        ),
        (
            "set_b",
            "Btraining_murmur_Btraining_noisymurmur_161_1307101199321_C",
            "murmur_noisymurmur_161_1307101199321_C",
        ),
        (
            "set_b",
            "Bunlabelledtest_101_1305030823364_B",
            "Bunlabelledtest__101_1305030823364_B",
        ),
        ("set_a", "__201012172010", "Aunlabelledtest__201012172010"),
        ("set_a", "normal__201101151127", "normal__201101151127"),
    ],
)
def test_the_tables_spelling_means_the_same_recording(folder, in_table, on_disk):
    assert parse_name(folder, in_table) == parse_name(folder, on_disk)


@pytest.mark.parametrize(
    ("folder", "stem", "reason"),
    [
        ("set_a", "healthy__201101151127", "is named after no class .normal, murmur, extrastole"),
        ("set_a", "normal__103_1305031931979_B", "is not named as recordings of set_a are"),
        ("set_b", "normal__201101151127", "is not named as recordings of set_b are"),
        ("set_b", "normal__103_1305031931979", "is not named as recordings of set_b are"),
        ("set_b", "normal", "is not named as"),
    ],
)
def test_refuses_other_names(folder, stem, reason):
    with pytest.raises(ValueError, match=reason):
        parse_name(folder, stem)


def test_the_first_number_of_set_b_is_the_person(make_pascal):
    """Whatever the class, the session, the take and the remark."""
    root = make_pascal(
        "set_b/normal__148_1306768801551_C1",
        "set_b/extrastole__148_1306768801551_B",
        "set_b/normal_noisynormal_148_1306768801559_B",
        "set_b/normal__14_1306768801551_C1",
        "set_b/normal__179_1306768801551_C1",
    )

    assert persons_of(root) == {
        "set_b/extrastole__148_1306768801551_B": "b-148",
        "set_b/normal__148_1306768801551_C1": "b-148",
        "set_b/normal__14_1306768801551_C1": "b-14",
        "set_b/normal__179_1306768801551_C1": "b-179",
        "set_b/normal_noisynormal_148_1306768801559_B": "b-148",
    }


def test_recordings_of_set_a_of_one_day_are_taken_for_one_persons_and_that_is_said(make_pascal):
    root = make_pascal(
        "set_a/murmur__201108222221", "set_a/normal__201108220135", "set_a/normal__201108231127"
    )

    assert persons_of(root) == {
        "set_a/murmur__201108222221": "a-20110822",
        "set_a/normal__201108220135": "a-20110822",
        "set_a/normal__201108231127": "a-20110823",
    }
    assert problems_of(root)["set_a", None] == PERSONS.format(3, 2) + "for each day"


def test_two_classes_of_one_take_are_two_recordings(make_pascal):
    """As the real collection has a few."""
    root = make_pascal(
        "set_b/extrastole__237_1308750231222_C",
        "set_b/normal__237_1308750231222_C",
        "set_b/normal_noisynormal_237_1308750231222_C",
    )

    assert [one.labels["class"] for one in read_pascal(root).recordings] == [
        "extrasystole",
        "normal",
        "normal",
    ]
    assert problems_of(root) == {("set_a", None): NOT_THERE}


def test_classes_outside_the_task_have_no_class_and_are_counted(make_pascal):
    """They keep the published one, and stay in the collection."""
    root = make_pascal(
        "set_a/artifact__201105040918",
        "set_a/artifact__201105041959",
        "set_a/extrahls__201101070953",
        "set_a/normal__201101151127",
    )
    write_wav(root / "set_a" / "Aunlabelledtest__201012172010.wav", rate=44100)

    collection = read_pascal(root)

    assert [one.labels for one in collection.recordings] == [
        {},
        {"published_class": "artifact"},
        {"published_class": "artifact"},
        {"published_class": "extrahls"},
        {"published_class": "normal", "class": "normal"},
    ]
    assert [one.labels for one in collection.subjects] == [
        one.labels for one in collection.recordings
    ]
    assert next(one.reason for one in collection.problems if one.file == "set_a") == (
        "4 of 5 recordings are not of one of the classes normal, murmur, extrasystole and have no "
        "label 'class': 2 artifact, 1 extrahls, 1 unlabelled"
    )


@pytest.mark.parametrize("depth", ["", "heart", "a/b/heart"])
def test_finds_the_folder_below_or_above_the_one_named(make_pascal, tmp_path, depth):
    root = make_pascal(NORMAL, root=tmp_path / "download" / depth)

    assert read_pascal(tmp_path / "download").root == root
    assert read_pascal(root / "set_b").root == root


def test_refuses_a_folder_with_neither_set(tmp_path):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(DataError, match=r"holds no set_a or set_b .*notes\.txt.*download pascal`"):
        read_pascal(tmp_path)
