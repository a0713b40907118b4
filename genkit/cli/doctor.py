"""`genkit doctor`: versions, devices, folders, and what would be slow here and how to mend it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)

PACKAGES = (
    *("torch", "torchvision", "openvino", "spandrel", "numpy", "pillow", "imagecodecs", "tifffile", "safetensors"),
    "huggingface_hub",
)
# Extra: the distribution that it brings, and what it is good for.
EXTRAS = {"heif": ("pillow-heif", "HEIC and HEIF pictures"), "cluster": ("ray", "batches over several machines")}
LITTLE_DISK = 5 * 10**9
LITTLE_MEMORY = 2 * 10**9


@app.command()
def doctor(json: Annotated[bool, typer.Option("--json", help="Print one JSON event.")] = False) -> None:
    """Show versions, devices with free memory, threads, the cache and its size, and what would be slow and how to mend it."""
    from genkit.run.report import quiet_libraries

    with quiet_libraries(verbose=False):
        facts = gather()
    facts["advice"] = advise(facts)
    if json:
        from genkit.run.report import write_event

        write_event("doctor", **facts)
    else:
        typer.echo(_text(facts))


def gather() -> dict[str, Any]:
    """All that is looked at, as plain data."""
    import os
    import platform
    import shutil

    import torch

    from genkit import cards, config, runtime, weights
    from genkit.files import home
    from genkit.run.plan import nearest_existing
    from genkit.version import __version__

    cache = cards.cache_folder()
    disk = nearest_existing(cache)
    states = [weights.state(card) for card in cards.all_cards()]
    return {
        "genkit": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "extras": {name: _version(package) for name, (package, _) in EXTRAS.items()},
        "devices": runtime.list_devices(),
        "engine": runtime.choose("auto", "auto", engine=config.get("engine") or "auto").engine,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "waiting": os.environ.get("OMP_WAIT_POLICY", "active").lower(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda_build": torch.version.cuda,
        "nvidia_driver": shutil.which("nvidia-smi") is not None,
        "home": str(home()),
        "cache": str(cache),
        "cache_bytes": _folder_size(cache),
        "disk_free_bytes": shutil.disk_usage(disk).free,
        "cache_writable": os.access(disk, os.W_OK),
        "offline": weights.is_offline(),
        "models": {state: states.count(state) for state in dict.fromkeys(states)},
        "settings": config.read_all(),
    }


def advise(facts: dict[str, Any]) -> list[str]:
    """What would be slow or fail, each with the way out."""
    advice = []
    kinds = {device["name"].partition(":")[0] for device in facts["devices"]}
    if "cuda" not in kinds and facts["nvidia_driver"]:
        if facts["cuda_build"] is None:
            advice.append("there is an NVIDIA driver, but torch is built for the CPU: install torch for CUDA (pytorch.org)")
        else:
            advice.append("there is an NVIDIA driver, but torch sees no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES")
    elif kinds == {"cpu"}:
        advice.append("no GPU: the shipped models are made for that; published models may take minutes a picture")
    if facts["packages"]["openvino"] is None:
        advice.append("openvino is not installed: on the CPU networks run in torch, at about half the speed")
    elif facts["engine"] == "torch" and "engine" in facts["settings"]:
        advice.append("the CPU runs networks in torch, at about half the speed: genkit config unset engine")
    if facts["threads"] < facts["cores"]:
        advice.append(f"torch uses {facts['threads']} of {facts['cores']} cores: unset OMP_NUM_THREADS")
    if facts["waiting"] != "passive":
        advice.append(
            "threads spin while they wait (OMP_WAIT_POLICY): unset it, or other programs make genkit several times slower"
        )
    if facts["load"] is not None and facts["load"] > facts["cores"]:
        advice.append(
            f"other programs keep the processor busy (load {facts['load']} on {facts['cores']} cores): expect to wait"
        )
    if facts["instructions"] in ("DEFAULT", "NO AVX"):
        advice.append("this processor has no AVX2 (or it is switched off): expect a third of the usual speed")
    for device in facts["devices"]:
        if device["free_bytes"] is not None and device["free_bytes"] < LITTLE_MEMORY:
            advice.append(f"{device['name']} has little memory ({_size(device['free_bytes'])}): tiles will be small")
    if facts["disk_free_bytes"] < LITTLE_DISK:
        advice.append(f"little room for models ({_size(facts['disk_free_bytes'])}): set GENKIT_CACHE to a larger disk")
    if not facts["cache_writable"]:
        advice.append(f"{facts['cache']} cannot be written: set GENKIT_CACHE to a folder you own")
    if facts["offline"]:
        advice.append("the network is off by GENKIT_OFFLINE or HF_HUB_OFFLINE: models that are not here cannot be fetched")
    for name, (package, use) in EXTRAS.items():
        if facts["extras"][name] is None:
            advice.append(f"{package} is not installed, it is for {use}: pip install 'genkit-media[{name}]'")
    return advice


def _text(facts: dict[str, Any]) -> str:
    lines = [f"genkit {facts['genkit']}, Python {facts['python']}, {facts['system']}", ""]
    lines.append("packages  " + ", ".join(f"{name} {version or 'missing'}" for name, version in facts["packages"].items()))
    lines.append("extras    " + ", ".join(f"{name} {version or 'not installed'}" for name, version in facts["extras"].items()))
    for number, device in enumerate(facts["devices"]):
        free, total = device["free_bytes"], device["total_bytes"]
        memory = f", {_size(free)} free" + (f" of {_size(total)}" if total else "") if free is not None else ""
        lines.append(f"{'devices' if number == 0 else '':8}  {device['name']}: {device['description']}{memory}")
    engines = {
        "auto": "openvino for networks that gave torch's numbers when they were converted, torch for all others",
        "openvino": "openvino, and no other",
        "torch": "torch",
    }
    lines.append(f"engine    {engines[facts['engine']]}")
    load = "" if facts["load"] is None else f", load {facts['load']}"
    lines.append(
        f"threads   {facts['threads']} on {facts['cores']} cores, waiting {facts['waiting']}, {facts['instructions']}{load}"
    )
    lines.append(f"home      {facts['home']}")
    lines.append(
        f"cache     {facts['cache']}: {_size(facts['cache_bytes'])}, {_size(facts['disk_free_bytes'])} free on the disk"
    )
    lines.append("models    " + ", ".join(f"{count} {state}" for state, count in facts["models"].items()))
    lines.append(f"network   {'off' if facts['offline'] else 'on, used only to fetch a model you ask for'}")
    if facts["settings"]:
        lines.append("settings  " + ", ".join(f"{key} = {value}" for key, value in facts["settings"].items()))
    lines += (
        ["", "What to know:", *(f"  - {text}" for text in facts["advice"])] if facts["advice"] else ["", "Nothing to mend."]
    )
    return "\n".join(lines)


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _folder_size(folder: Any) -> int:
    import os

    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - a walk of many files
            except OSError:  # fetched or removed meanwhile
                continue
    return total


def _size(count: int) -> str:
    from genkit.files import size_text

    return size_text(count)
