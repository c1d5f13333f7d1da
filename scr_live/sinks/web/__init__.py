"""The live page: pictures, status and controls of a run in a browser, out of a process of its own.

server.py is what the run sees; worker.py what runs in the process: hub.py knows the run as far as it was
told, app.py answers requests, guard.py refuses those that may not be answered.
"""
