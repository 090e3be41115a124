#!/usr/bin/env python3
"""Exit 0 if the program HOLT contains the file MODEL, byte for byte."""
import sys

program, model = (open(path, "rb").read() for path in sys.argv[1:3])
sys.exit(0 if model in program else 1)
