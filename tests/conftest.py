"""Small real datasets and runs, built once and shared by the tests that only read them."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a test run in the background; commands would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vanilla dataset directory of 40 pendulums × 6 images, 4 shards a split."""
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import Vanilla

    out = tmp_path_factory.mktemp("data")
    directory, _ = build(Dataset(Vanilla(), pendulums=40, images=6), out, num_shards=4, workers=1, quiet=True)
    return directory


@pytest.fixture(scope="session")
def small_run(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete contrastive run of 2 epochs on `small`."""
    from pendtrain.fit import fit
    from pendtrain.recipe import Recipe
    from pendtrain.state import Settings

    out = tmp_path_factory.mktemp("runs")
    run, _ = fit(small, Recipe(epochs=2, batch=16), out, Settings(log_every=1, quiet=True))
    return run


Outcome = tuple[int, str, str]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs a console command in this process; returns its exit code, stdout and stderr."""
    import importlib

    def run(package: str, *arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", [package, *map(str, arguments)])
        main: Callable[[], None] = importlib.import_module(f"{package}.cli").main
        with pytest.raises(SystemExit) as stop:
            main()
        text = capsys.readouterr()
        return int(stop.value.code or 0), text.out, text.err

    return run


@pytest.fixture
def refused(command: Callable[..., Outcome]) -> Callable[..., str]:
    """Runs a command that must be refused: exit code 2 and one line on stderr, which is returned."""

    def run(package: str, *arguments: object) -> str:
        code, out, err = command(package, *arguments)
        assert code == 2, (code, out, err)
        assert out == ""
        assert len(err.splitlines()) == 1, err
        assert "Traceback" not in err
        return err

    return run
