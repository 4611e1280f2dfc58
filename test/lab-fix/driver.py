"""Runs one scenario of a lab with commands tried in it: driver.py SCRIPTS SCENARIO RUN FOLDER TRIES [NAME=VALUE ...]

TRIES is a JSON file: a list of {"command", "role", "address"}. They are run when the scenario stands, right before its
traffic, each in the namespace that it is for; what became of each is written to tried.json in the folder of the run."""
import json
import os
import re
import runpy
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
scripts, scenario, run, folder, tries = sys.argv[1:6]
sys.path.insert(0, scripts)
import lablib  # noqa: E402

start = lablib.Lab.start


def namespace_with(lab, address):
    for name in lab.spaces:
        listed = lab.nx(name, 'ip -o addr').stdout
        if re.search(r'\s%s(/|\s)' % re.escape(address), listed):
            return name
    return None


def place_of(lab, role, address):
    """the namespace that a command is for; None: the initial one"""
    if role == 'machine':
        return None
    owner = namespace_with(lab, address) if address and role != 'host' else None
    return owner or 'node'


def start_tried(lab, *args, **options):
    results = []
    for one in json.load(open(tries)):
        space = place_of(lab, one['role'], one['address'])
        argv = ['sh', '-c', one['command']]
        if one['command'].startswith('modprobe ') and shutil.which('modprobe') is None:
            results.append(dict(one, status=0, said='no modprobe here: what this kernel has is built in'))
            continue
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60) if space is None \
            else lab.nx(space, argv, check=False)
        results.append(dict(one, status=done.returncode, said=(done.stdout + done.stderr).strip()))
    with open(os.path.join(lab.out, 'tried.json'), 'w') as out:
        json.dump(results, out)
    return start(lab, *args, **options)


lablib.Lab.start = start_tried
parameters = [word for value in sys.argv[6:] for word in ('--param', value)]
script = os.path.join(scripts, 'scenarios', scenario)
sys.argv = [script, '--run', run, '--to', folder, *parameters]
runpy.run_path(script, run_name='__main__')
