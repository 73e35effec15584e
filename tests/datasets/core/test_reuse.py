"""An outdated cache gives what it has: only what is new or has changed is read again."""

from bench.datasets.core.cache.store import check_digests
from tests.helpers.clip_ground import Ground, content
from tests.helpers.toy_clips import names


def reads(ground) -> dict[str, int]:
    return {name: n for name, n in ground.toy.reads().items() if n > 1}


def test_a_clip_that_turns_up_is_the_only_one_that_is_read(tmp_path):
    ground, whole = Ground(tmp_path / "a"), Ground(tmp_path / "b").prepare()
    ground.file(7).unlink()
    ground.prepare()
    ground.file(7).write_text("7\n")
    packed = ground.prepare()
    assert (content(packed), packed.hash) == (content(whole), whole.hash)
    assert reads(ground) == {} and ground.toy.reads()[names(30)[7]] == 1
    check_digests(packed)


def test_a_changed_clip_is_read_again_and_alone(tmp_path):
    ground = Ground(tmp_path)
    before = ground.prepare()
    ground.file(11).write_text("12\n")
    after = ground.prepare()
    assert reads(ground) == {names(30)[11]: 2}
    assert after.hash != before.hash
    assert after.inputs()["sound"][11].tolist() == after.inputs()["sound"][12].tolist()


def test_a_list_that_comes_later_is_kept_and_nothing_is_read(tmp_path):
    ground = Ground(tmp_path, more={"lists": ["train.csv", "sub/test.csv"]})
    before = ground.prepare()
    assert not (before.path / "lists").exists()
    (ground.root / "sub").mkdir()
    (ground.root / "sub/test.csv").write_bytes(b"a,1\r\n")
    after = ground.prepare()
    assert (after.path / "lists/sub/test.csv").read_bytes() == b"a,1\r\n"
    assert after.hash == before.hash and reads(ground) == {}
    check_digests(after)


def test_another_recipe_adopts_nothing(tmp_path):
    ground = Ground(tmp_path)
    ground.prepare()
    ground.toy.scale = 3
    ground.file(0).write_text("00\n")  # outdates the cache
    packed = ground.prepare()
    assert set(ground.toy.reads().values()) == {2}
    assert packed.inputs()["sound"][3].tolist() == [0, 3, 6]
