"""A job of P12 for multiprocessing.Pool: python3 job.py <task> <list of files | count> prints the sum of the results."""

import gzip
import hashlib
import io
import sys
from multiprocessing import Pool


def double(number):
    return 2 * number


def gzipAndHash(path):
    with open(path, "rb") as file:
        data = file.read()
    if not gzip.compress(data, 6):
        raise RuntimeError("gzip wrote nothing")
    return int.from_bytes(hashlib.sha256(data).digest()[:3], "big")


def resizeImage(path):
    from PIL import Image

    with Image.open(path) as image:
        image.draft("RGB", (640, 640))
        height = round(image.height * 320 / image.width)
        small = image.resize((320, height), Image.Resampling.LANCZOS)
    small.save(io.BytesIO(), "JPEG", quality=80)
    return small.width


if __name__ == "__main__":
    name, of = sys.argv[1:]
    if name == "double":
        inputs = range(int(of))
    else:
        with open(of) as file:
            inputs = file.read().splitlines()
    with Pool(2) as pool:
        print(sum(pool.map(globals()[name], inputs)))
