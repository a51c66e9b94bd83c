from __future__ import annotations

from benchmarks.gpu.options import OPTIONS
from tests.cuda.scripts import OPEN


def test_one_option_differs_from_ours_at_any_size_and_at_one(cuda_machine, echo) -> None:
    """Over stand-ins of CUDA; each row paints, so ONNX Runtime knows the option."""
    code = """
    from pathlib import Path
    from types import SimpleNamespace
    from benchmarks.gpu.options import OPTIONS, changed_session

    style = SimpleNamespace(card=SimpleNamespace(file=lambda flavour: Path(sys.argv[1])))

    def options_of(changes, runs):
        session = changed_session(changes)(style, 20, 30)
        for _ in range(runs):
            session.run(picture)
        sized = [one._session for one in session._sessions._of_one_shape.values()]
        both = [one.get_provider_options()[session._provider]
                for one in (session._session, *sized)]
        session.close()
        own = {"user_compute_stream"}
        return [{name: value for name, value in one.items() if name not in own} for one in both]

    ours = options_of({}, runs=3)
    for changes in OPTIONS:
        theirs = options_of(changes, runs=3 if changes == OPTIONS[-1] else 1)
        assert len(theirs) == 1 + (changes == OPTIONS[-1])
        for before, after in zip(ours, theirs):
            changed = {name: value for name, value in after.items() if value != before[name]}
            assert changed.items() <= changes.items(), (changes, changed)
            assert after.items() >= changes.items(), (changes, after)
        print(len(changes))
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.out.split() == [str(len(changes)) for changes in OPTIONS], ended.err
    assert [len(changes) for changes in OPTIONS] == [0, *[1] * (len(OPTIONS) - 1)]
