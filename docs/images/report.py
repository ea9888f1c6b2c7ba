"""Draws report-verdict.png and report-finding.png: a drawn street with planted faults, reported, seen in Chromium.

Needs Chromium and chromedriver: `python docs/images/report.py`.
"""

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver

from labelprep.drawing import class_file, plant_faults, write_sample

HERE = Path(__file__).parent
WIDTH = 1240
# Page, height of the picture, and a text in the section that is scrolled to.
SHOWN = {
    "report-verdict": ("index.html", 700, ""),
    "report-finding": ("finding-unknown-color.html", 368, "(255, 0, 255)"),
}


def main() -> None:
    """Writes both pictures beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_sample(root / "street", 60, 10, (192, 256), 1)
        plant_faults(root / "street")
        (root / "street.yaml").write_text(class_file(), encoding="utf-8")
        labelprep(root, "convert street --classes street.yaml --ignore void -o prepared", expected=3)
        labelprep(root, "report prepared -o report", expected=0)
        for name, (page, height, text) in SHOWN.items():
            image = seen(root / "report" / page, height, text)
            image.quantize(256, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def labelprep(root: Path, words: str, expected: int) -> None:
    """Runs a command in a folder."""
    command = [sys.executable, "-m", "labelprep", *words.split(), "-q"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != expected:
        sys.exit(f"labelprep {words}: expected exit {expected}, got {done.returncode}")


def seen(page: Path, height: int, text: str) -> Image.Image:
    """A page in the light theme, from the top or from the section that holds a text."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for word in ("headless=new", "no-sandbox", "hide-scrollbars"):
        options.add_argument(f"--{word}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
        driver.get(page.as_uri())
        if text:
            found = "[...document.querySelectorAll('.case')].find(s => s.textContent.includes(arguments[0]))"
            driver.execute_script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
            driver.execute_script(f"{found}.scrollIntoView()", text)
        png = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
    finally:
        driver.quit()
    return Image.open(io.BytesIO(png)).convert("RGB")


if __name__ == "__main__":
    main()
