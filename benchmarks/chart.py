"""A chart of `second-skin bench engines` as SVG, for the README.

second-skin bench engines --json | .venv/bin/python benchmarks/chart.py > docs/engines.svg
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from jetson_runtime.suit.signals import PERIOD_NS

LABELS = {
    "native_fp16": "native, float16 weights",
    "native_fp32": "native",
    "tensorrt_fp16": "TensorRT, float16",
    "tensorrt_fp32": "TensorRT",
    "onnxruntime": "ONNX Runtime",
    "numpy": "NumPy",
    "openvino": "OpenVINO",
    "pytorch_tcn": "pytorch-tcn",
    "openvino_window": "OpenVINO, one fused graph",
    "onnxruntime_window": "ONNX Runtime, one fused graph",
    "onnxruntime_windows": "ONNX Runtime, eight models",
    "torch_windows": "PyTorch, eight models",
}
OURS = ("native", "tensorrt", "onnxruntime", "numpy")
# Read on white and on black alike: the page decides the background.
INK, BLUE, GREY, PALE, GREEN, RED = "#768390", "#2f81f7", "#8b949e", "#b9a27c", "#2da44e", "#e5534b"
WIDTH, LABEL_WIDTH, RIGHT = 720, 215, 66
ROW, BAR, TOP, BOTTOM = 22, 14, 46, 48
LEAST_US, MOST_US = 30.0, 60_000.0
TICK_US = PERIOD_NS / 1e3


def main() -> None:
    """From the JSON on stdin's last line to the SVG on stdout."""
    sys.stdout.write(chart(json.loads(sys.stdin.read().splitlines()[-1])))


def chart(result: Mapping[str, Any]) -> str:
    """One bar for each way, the fastest on top; the floor and the 5 ms of a tick as lines."""
    ways = {name: way["hot_us"] for name, way in result["engines"].items() if name in LABELS}
    ordered = sorted(ways, key=ways.__getitem__)
    height = TOP + ROW * len(ordered) + BOTTOM
    foot = TOP + ROW * len(ordered)
    parts = [
        _text(0, 14, "One tick of eight networks on one thread, back to back", size=14, weight="bold"),
        *(_grid(us, foot) for us in (100.0, 1_000.0, 10_000.0)),
        *(_bar(name, ways[name], TOP + ROW * i) for i, name in enumerate(ordered)),
        _line(result["floor_us"], foot, GREEN, "float32 weights read once"),
        _line(TICK_US, foot, RED, "a tick: 5 ms"),
        *_legend(height - 8),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join([f'{head} font-family="sans-serif" role="img">', *parts, "</svg>\n"])


def _x(us: float) -> float:
    share = math.log(us / LEAST_US) / math.log(MOST_US / LEAST_US)
    return LABEL_WIDTH + (WIDTH - LABEL_WIDTH - RIGHT) * min(1.0, max(0.0, share))


def _bar(name: str, us: float, y: float) -> str:
    """Label, bar, and the time in a column of its own, where no line crosses it."""
    width = _x(us) - LABEL_WIDTH
    return "\n".join(
        [
            _text(LABEL_WIDTH - 8, y + BAR - 2, LABELS[name], anchor="end"),
            f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{_colour(name)}"/>',
            _text(WIDTH - 2, y + BAR - 2, _time(us), anchor="end"),
        ]
    )


def _colour(name: str) -> str:
    if "window" in name:
        return PALE
    return BLUE if name.startswith(OURS) else GREY


def _time(us: float) -> str:
    return f"{us:.0f} µs" if us < 1000.0 else f"{us / 1000.0:.1f} ms"


def _grid(us: float, foot: float) -> str:
    x = _x(us)
    line = f'<path d="M{x:.1f} {TOP - 4}V{foot}" stroke="{INK}" stroke-opacity="0.3"/>'
    return line + _text(x, foot + 14, _time(us).replace(".0", ""), anchor="middle", size=11)


def _line(us: float, foot: float, colour: str, words: str) -> str:
    x = _x(us)
    line = (
        f'<path d="M{x:.1f} {TOP - 8}V{foot}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 3"/>'
    )
    return line + _text(x, TOP - 12, words, anchor="middle", size=11, fill=colour)


def _legend(y: float) -> list[str]:
    parts, x = [], float(LABEL_WIDTH)
    for colour, words in (
        (BLUE, "ours, streaming"),
        (GREY, "others, streaming"),
        (PALE, "a window of 249 rows"),
    ):
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 15, y, words, size=11))
        x += 150
    return parts


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 12,
    fill: str = INK,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"'
        f' font-weight="{weight}">{words}</text>'
    )


if __name__ == "__main__":
    main()
