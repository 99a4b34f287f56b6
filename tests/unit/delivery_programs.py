"""Programs that play the Pulumi CLI, kubectl and the AWS CLI for the commands of this repository, as executables.

What they print has the shapes of the real ones, as far as it is read: `pulumi stack ls --json` and `stack history
--json` (pkg/cmd/pulumi/stack: stackSummaryJSON, updateInfoJSON), `preview --json` (sdk/go/common/display/json.go:
PreviewDigest), `stack export` (apitype.UntypedDeployment, version 3), the event log (apitype.EngineEvent), and the lock
of a backend in a bucket (pkg/backend/diy/lock.go). The Automation API's commands are answered too: its `select`,
`output` and `--exec-kind`. Each is asked to run without site-packages, so that it starts in a moment.
"""

from typing import Final

PULUMI: Final = """
import json, os, sys, time
from pathlib import Path
place, asked = Path(os.environ["FAKE"]), [word for word in sys.argv[1:] if word != "--non-interactive"]
option = lambda name: asked[asked.index(name) + 1] if name in asked else ""
told, name = json.loads((place / "stacks.json").read_text()), option("--stack")
stack = told.get(name, {})
with (place / "asked").open("a") as log:
    log.write(json.dumps(asked) + "\\n")

def keep():
    (place / "stacks.json").write_text(json.dumps(told))

def fail(text, code=255):
    sys.stderr.write(text + "\\n")
    sys.exit(code)

def become(update):
    stack["outputs"].update(update.get("outputs", {}))
    if "cluster" in update:
        clusters = json.loads((place / "clusters.json").read_text())
        clusters[name].update(update["cluster"])
        (place / "clusters.json").write_text(json.dumps(clusters))

def locked():
    try:
        return os.open(place / (name + ".lock"), os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        fail("error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or "
             "delete the lock file with `pulumi cancel`.")

if name and name not in told and asked[:2] != ["stack", "init"]:
    fail("error: no stack named '" + name + "' found")
if asked == ["version"]:
    print("v3.215.0")
elif asked[:2] == ["stack", "ls"]:
    if os.environ.get("PULUMI_BACKEND_URL", "").startswith("s3:") and not (place / "bucket").exists():
        fail("error: could not list bucket: blob (code=NotFound): api error NoSuchBucket")
    print(json.dumps([{"name": one, "current": False, "updateInProgress": False} for one in told]))
elif asked[:2] == ["stack", "init"]:
    told.setdefault(asked[2], {"outputs": {}, "history": []})
    keep()
elif asked[:2] == ["stack", "select"]:
    pass
elif asked[:2] == ["stack", "output"]:
    print(json.dumps(stack["outputs"]))
elif asked[:2] == ["stack", "export"]:
    root = {"urn": "urn:pulumi:" + name + "::soma::pulumi:pulumi:Stack::soma-" + name, "type": "pulumi:pulumi:Stack",
            "custom": False, "outputs": stack["outputs"]}
    resources = [root, *stack.get("resources", [])] if stack["outputs"] else []
    print(json.dumps({"version": 3, "deployment": {"resources": resources}}))
elif asked[:2] == ["stack", "import"]:
    (root, *_) = json.loads(Path(option("--file")).read_text())["deployment"]["resources"] or [{"outputs": {}}]
    stack["outputs"] = root["outputs"]
    keep()
elif asked[:2] == ["stack", "history"]:
    print(json.dumps(stack["history"]))
elif asked[0] == "preview":
    said = stack.get("preview") or {}
    Path(option("--event-log")).write_text("".join(json.dumps(event) + "\\n" for event in said.get("events", [])))
    if "steps" in said:
        print(json.dumps({"steps": said["steps"]}))
    sys.stderr.write(said.get("stderr", ""))
    sys.exit(said.get("code", 0))
elif asked[0] == "up":
    locked()
    try:
        print("Updating (" + name + ")", flush=True)
        while stack.get("waits") and not (place / "go").exists():
            time.sleep(0.01)
        if "up" in stack:
            print(stack["up"])
            sys.exit(255)
        moment = "2026-01-31T14:00:00.000Z"
        environment = {"git.head": (place / "head").read_text()}
        stack["history"].insert(0, {
            "version": len(stack["history"]) + 1, "kind": "update", "startTime": moment, "endTime": moment,
            "message": "", "environment": environment, "config": {}, "result": "succeeded", "resourceChanges": {},
        })
        become({"outputs": stack.get("becomes", {})})
        if stack.get("updates"):
            become(stack["updates"].pop(0))
        if name == "store":
            (place / "bucket").touch()
        keep()
    finally:
        (place / (name + ".lock")).unlink()
else:
    sys.exit("no such command: " + " ".join(asked))
"""
KUBECTL: Final = """
import json, os, sys
from pathlib import Path
asked = sys.argv[1:]
context = next(one for one in asked if one.startswith("--context=")).removeprefix("--context=")
told = json.loads((Path(os.environ["FAKE"]) / "clusters.json").read_text())[context]
with (Path(os.environ["FAKE"]) / "asked").open("a") as log:
    log.write(json.dumps(["kubectl", context, *asked[2:4]]) + "\\n")
if told is None:
    sys.exit("Unable to connect to the server")
if "exec" in asked:
    print(told["row"])
elif asked[3] == "--raw":
    print("ok")
elif "--ignore-not-found" in asked:
    print("".join(map(json.dumps, told.get(asked[3], []))))
else:
    print(json.dumps({"items": told[asked[3]]}))
"""
AWS: Final = """
import json, os, sys
from pathlib import Path
asked = sys.argv[1:]
option = lambda name: asked[asked.index(name) + 1] if name in asked else ""
with (Path(os.environ["FAKE"]) / "asked").open("a") as log:
    log.write(json.dumps(["aws", *asked]) + "\\n")
if asked[:2] != ["eks", "update-kubeconfig"]:
    sys.exit("no such command: " + " ".join(asked))
if (Path(os.environ["FAKE"]) / "no-cluster").exists():
    sys.stderr.write("\\nAn error occurred (ResourceNotFoundException) when calling the DescribeCluster operation: "
                     "No cluster found for name: " + option("--name") + ".\\n")
    sys.exit(254)
print("Added new context " + option("--alias") + " to /home/operator/.kube/config")
"""
PROGRAMS: Final = {"pulumi": PULUMI, "kubectl": KUBECTL, "aws": AWS}
"""Name on PATH to what stands below the line that names the interpreter."""
