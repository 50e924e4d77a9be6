"""Products of vectors leave the other processors to the models."""

import subprocess
import sys

CODE = """
import os, chat.assembly, numpy
rows = numpy.ones((4000, 384), numpy.float32)
rows @ rows[0]
print(len(os.listdir("/proc/self/task")))
"""


def test_a_product_of_vectors_takes_one_thread() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "1"
