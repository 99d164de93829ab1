#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/report.png, the picture in the README, from a page that `hcnn-cl report` wrote.

The page shows two runs of three epochs on a fifth of CIFAR-100's training images. They ran with
other load on two cores, so their images per second cannot be compared:

    mkdir small && cp cifar-100-binary/*.txt small
    head -c $((3074 * 10000)) cifar-100-binary/train.bin >small/train.bin
    head -c $((3074 * 4000)) cifar-100-binary/test.bin >small/test.bin
    short="--recipe docs/cifar100-short.yaml --data small --epochs 3"
    ./hcnn-cl train $short --only-fine --run runs/only-fine
    ./hcnn-cl train $short --run runs/coarse+fine
    title='CIFAR-100: only fine, coarse + fine'
    ./hcnn-cl report runs/only-fine runs/coarse+fine -o report.html --title "$title"
    docs/make-report-picture.py report.html

Needs Debian's chromium, chromium-driver and python3-selenium, as the tests of the page do.
"""
import argparse
import pathlib

from selenium import webdriver

WIDTH = 1280
LAST = "confusion"  # the last section in the picture


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path,
                        default=pathlib.Path(__file__).with_name("report.png"))
    return parser.parse_args()


def open_browser():
    options = webdriver.ChromeOptions()
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{word}")
    return webdriver.Chrome(
        service=webdriver.chrome.service.Service("/usr/bin/chromedriver"), options=options)


def set_size(browser, height):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False})


def main():
    given = arguments()
    browser = open_browser()
    try:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "light"}]})
        set_size(browser, 900)
        browser.get(given.page.resolve().as_uri())
        end = browser.execute_script(
            "return document.getElementById(arguments[0]).getBoundingClientRect().bottom + 16",
            LAST)
        set_size(browser, int(end))
        given.output.write_bytes(browser.get_screenshot_as_png())
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
