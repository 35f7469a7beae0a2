"""Temperatures of a tree like sysfs'."""

from pathlib import Path

import pytest

from gatewright.agent.sensors import temperature


def _device(root: Path, **files: str) -> None:
    (root / "iio:device0").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / "iio:device0" / name).write_text(content)


def test_the_xadc_of_zynq_7000(tmp_path: Path) -> None:
    _device(tmp_path, in_temp0_raw="2600\n", in_temp0_offset="-2219\n", in_temp0_scale="123.040771484\n")
    assert temperature(tmp_path) == pytest.approx((2600 - 2219) * 123.040771484 / 1000)


def test_without_offset(tmp_path: Path) -> None:
    _device(tmp_path, in_temp0_ps_temp_raw="500", in_temp0_ps_temp_scale="100")
    assert temperature(tmp_path) == 50.0


@pytest.mark.parametrize("files", [{}, {"in_temp0_raw": "1"}, {"in_temp0_raw": "x", "in_temp0_scale": "1"}])
def test_none(tmp_path: Path, files: dict[str, str]) -> None:
    _device(tmp_path, **files)
    assert temperature(tmp_path) is None
    assert temperature(tmp_path / "nothing") is None
