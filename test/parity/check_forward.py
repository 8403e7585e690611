"""`jimm forward` with weights that Python saved, against timm in float64: the house bar."""

import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

import _dump_common
import synthetic
from _checks import REFERENCE_BAR, house_bar, relative

OUTPUTS = ("features", "pre_logits", "logits")
SMALL = (  # checked when --archs names none: one a family, and what else is cheap
    "test_resnet", "resnet18", "resnetv2_18d", "test_convnext3", "convnextv2_atto",
)
THOROUGH = (*SMALL, "resnetv2_18", "convnext_zepto_rms_ols")  # also other evaluators and element types
SIZES = (  # batch, height, width
    (3, 64, 64), (1, 33, 47), (1, 1, 1), (1, 31, 32), (1, 32, 31), (1, 32, 32), (1, 33, 33), (2, 7, 300),
    (1, 2, 31), (1, 224, 224), (1, 176, 176),
)
DILATED_SIZES = ((8, 1, 1), (8, 7, 8), (8, 8, 8), (8, 9, 15), (16, 15, 16), (16, 16, 16), (16, 17, 31))
OUTPUT_STRIDES = (1, 2, 4, 8, 12, 16, 32, 64)
POOLS = ("avg", "max", "avgmax", "catavgmax", "")
# what timm raises when it does not take a model's options or an input
REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError, ZeroDivisionError)


def timm_outputs(model, x):
    """{name: tensor} of everything that `jimm forward --what all` writes."""
    taps = {}

    def keep(name):
        return lambda _module, _inputs, output: taps.update({name: output.clone()})

    # what features_only returns; forward_intermediates fails on odd sizes in some families
    hooks = [
        model.get_submodule(info["module"]).register_forward_hook(keep(f"feat_{i + 1:02d}"))
        for i, info in enumerate(model.feature_info)
    ]
    try:
        outputs = dict(zip(OUTPUTS, _dump_common.run(model, x)))
    finally:
        for hook in hooks:
            hook.remove()
    outputs.update(taps)
    return outputs


def answers(exact, single):
    """Per output: the exact float64 values and the error of timm's float32 run."""
    return {
        name: (value.numpy(), relative(single[name].numpy(), value.numpy()))
        for name, value in exact.items()
    }


ILL_CONDITIONED = 1e-6  # of timm's own error: then one float32 run says little of the next


def timm_answers(model, x):
    """answers() of a model. Where timm's own float32 run is far off, as on maps of a few pixels that
    have next to no variance, so is every other, by chance more or less: its error is then the largest
    of four, the others in channels-last order and with inputs that differ by one rounding."""
    exact = timm_outputs(model.double(), x.double())
    want = answers(exact, timm_outputs(model.float(), x))
    if max(error for _, error in want.values()) > ILL_CONDITIONED:
        nudged = [x * (1 + sign * 2.0**-24 * torch.sign(x.roll(1))) for sign in (1, -1)]
        runs = [timm_outputs(model, each) for each in nudged]
        model.to(memory_format=torch.channels_last)
        runs.append(timm_outputs(model, x.contiguous(memory_format=torch.channels_last)))
        model.to(memory_format=torch.contiguous_format)
        for name, (value, error) in want.items():
            errors = [relative(run[name].numpy(), value) for run in runs]
            want[name] = (value, max(error, *errors))
    return want


class Forward:
    def __init__(self, checks, arch):
        self.checks = checks
        self.arch = arch
        self.weights = checks.folder / f"{arch}.safetensors"
        self.worst = 0.0

    def input(self, shape, seed=1):
        path = self.checks.folder / "x.npy"
        x = synthetic.tensor_input(seed, shape)
        np.save(path, x)
        return path, torch.from_numpy(x)

    def compare(self, what, model, shape, *flags, bar=None, weights=None):
        """jimm with these flags against timm's model on a synthetic input; what timm refuses, jimm
        must refuse."""
        path, x = self.input(shape)
        out = self.checks.folder / "y.safetensors"
        out.unlink(missing_ok=True)
        what = f"forward {self.arch} {list(shape)} {what}"
        command = ("forward", self.arch, "-w", weights or self.weights, "--input", path, "--output",
                   out, "--what", "all", *flags)
        try:
            want = timm_answers(model, x)
        except REFUSALS:
            self.checks.refuses(what, *command, mentions=("jimm forward: ",))
            return
        if self.checks.succeeds(what, *command) is not None:
            self.hold(what, load_file(out), want, bar)

    def compare_options(self, what, options, shape, *flags, own=None):
        """The same for a model of these options, which timm may refuse. Its weights are saved to
        `own`; without, it takes the architecture's."""
        try:
            model = model_of(self.arch, **options)
        except REFUSALS:
            path, _ = self.input(shape)
            self.checks.refuses(f"forward {self.arch} {what}", "forward", self.arch, "-w",
                                self.weights, "--input", path, "--output",
                                self.checks.folder / "y.safetensors", "--what", "all", *flags,
                                mentions=("jimm forward: ",))
            return
        if own is not None:
            save(model, own)
        self.compare(what, model, shape, *flags, weights=own)

    def hold(self, what, got, want, bar=None):
        """Checks every output against timm's answers, and that there is no other."""
        self.checks.equal(sorted(got), sorted(want), f"{what}: outputs")
        for name, (exact, timm_error) in want.items():
            error = relative(got.get(name, np.empty(0)), exact)
            limit = bar or house_bar(timm_error)
            if bar is None:
                self.worst = max(self.worst, error)
            self.checks.check(
                error <= limit, f"{what}: {name}: error {error:.3g}, bar {limit:.3g}")


def model_of(arch, **options):
    return _dump_common.create_model(arch, 1, **options)


def save(model, path):
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def check_sizes(run, quick):
    model = model_of(run.arch)
    save(model, run.weights)
    for shape in SIZES[: 7 if quick else None]:
        run.compare("", model, (shape[0], 3) + shape[1:])
    run.compare("--threads 1", model, (2, 3, 65, 50), "--threads", "1")


def check_channels(run, quick):
    """Weights of 3 channels are adapted; weights that fit are used as they are."""
    for channels in (1,) if quick else (1, 2, 5):
        model = model_of(run.arch, in_chans=channels)
        flags = ("--in-chans", str(channels))
        run.compare("adapted", model, (1, channels, 64, 64), *flags)
        own = run.checks.folder / "own.safetensors"
        _dump_common.load_synthetic(model.float(), 7, adapt=False)
        save(model, own)
        run.compare("as they are", model, (1, channels, 64, 64), *flags, weights=own)


def check_heads(run):
    own = run.checks.folder / "own.safetensors"
    odd = (64, 96) if "aa" in run.arch else (70, 58)  # timm's average pools refuse odd maps
    for classes in (10, 0):
        for pool in POOLS:
            run.compare_options(f"{classes} classes, pool '{pool}'",
                                {"num_classes": classes, "global_pool": pool}, (2, 3, *odd),
                                "--num-classes", str(classes), "--global-pool", pool, own=own)
    path, _ = run.input((1, 3, 64, 64))
    out = run.checks.folder / "z.npy"
    run.checks.refuses("a head of another size", "forward", run.arch, "-w", run.weights, "--input",
                       path, "--output", out, "--num-classes", "10", mentions=("fc.weight",))
    run.compare("reset head", model_of(run.arch, num_classes=0), (1, 3, 64, 64), "--num-classes",
                "0", "--reset-head")


def check_strides(run, quick):
    """Output strides that timm takes or refuses, and images at the edge of what dilated stages take."""
    if not quick:
        for stride in OUTPUT_STRIDES:
            run.compare_options(f"--output-stride {stride}", {"output_stride": stride}, (1, 3, 64, 96),
                                "--output-stride", str(stride))
    for stride, height, width in DILATED_SIZES[1:4] if quick else DILATED_SIZES:
        run.compare_options(f"--output-stride {stride}", {"output_stride": stride},
                            (1, 3, height, width), "--output-stride", str(stride))


def check_pyramid(run, quick):
    """timm's features_only models: taps, channels, reductions, dilated stages."""
    count = len(model_of(run.arch).feature_info)
    pyramids = ((8, None), (32, None), (16, (1, 2, 3)), (8, (count - 1, -count)))
    for stride, indices in pyramids[:1] if quick else pyramids:
        options = {} if indices is None else {"out_indices": indices}
        net = model_of(run.arch, features_only=True, output_stride=stride, **options)
        path, x = run.input((1, 3, 96, 64))
        out = run.checks.folder / "y.safetensors"
        out.unlink(missing_ok=True)
        what = f"pyramid {run.arch} output_stride {stride}, out_indices {indices}"
        flags = () if indices is None else ("--out-indices", ",".join(map(str, indices)))
        if run.checks.succeeds(
                what, "forward", run.arch, "-w", run.weights, "--input", path, "--output", out,
                "--what", "pyramid", "--output-stride", str(stride), *flags) is None:
            continue
        taps = sorted(i % count for i in indices or range(count))
        names = [f"feat_{i + 1:02d}" for i in taps]
        with torch.no_grad():
            single = net.float()(x)
            net.double()
            with _dump_common.float64_throughout():
                exact = net(x.double())
        run.checks.equal(len(exact), len(names), f"{what}: taps")
        run.hold(what, load_file(out), answers(dict(zip(names, exact)), dict(zip(names, single))))
    path, _ = run.input((1, 3, 64, 64))
    for index in (count, -count - 1):
        try:
            model_of(run.arch, features_only=True, out_indices=(index,))
            refused = False
        except REFUSALS:
            refused = True
        run.checks.check(refused, f"timm refuses out_indices {index} of {run.arch}")
    for indices in (str(count), str(-count - 1), "1,1"):
        run.checks.refuses(f"forward --out-indices {indices}", "forward", run.arch, "-w", run.weights,
                           "--input", path, "--output", run.checks.folder / "z.safetensors",
                           "--what", "pyramid", "--out-indices", indices,
                           mentions=(indices.split(",")[0],))


def check_evaluators(run):
    model = model_of(run.arch)
    for shape in ((1, 3, 33, 47), (2, 3, 64, 40)):
        run.compare("reference", model, shape, "--evaluator", "reference")
        run.compare("reference64", model, shape, "--evaluator", "reference64", bar=REFERENCE_BAR)


def check_dtypes(run):
    """Weights in other floating types: timm computes with the same rounded values."""
    own = run.checks.folder / "own.safetensors"
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        model = model_of(run.arch)
        state = {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in model.state_dict().items()
        }
        save_file(state, own)
        model.load_state_dict(state)
        run.compare(f"{dtype}", model, (1, 3, 64, 64), weights=own)
    model = model_of(run.arch)
    state = {n: v for n, v in model.state_dict().items() if "num_batches_tracked" not in n}
    save_file(state, own)
    run.compare("without num_batches_tracked", model, (1, 3, 64, 64), weights=own)


def timm_takes(model, x):
    try:
        _dump_common.run(model.float(), x)
        return True
    except REFUSALS:
        return False


def check_inputs(run):
    """What timm refuses jimm refuses, and what it takes jimm takes."""
    model = model_of(run.arch)
    path, out = run.checks.folder / "x.npy", run.checks.folder / "y.npy"
    shapes = [(1, 3, 1, 1), (1, 3, 1, 9), (0, 3, 32, 32), (1, 3, 0, 32), (1, 3, 32, 0), (1, 0, 32, 32),
              (1, 1, 32, 32), (1, 4, 32, 32), (3, 32, 32), (32, 32), (1, 1, 3, 32, 32), ()]
    for shape in shapes:
        x = np.zeros(shape, np.float32)
        np.save(path, x)
        # timm's convolutions take an image without its batch; what norms make of it is an accident
        takes = len(shape) == 4 and timm_takes(model, torch.from_numpy(x))
        process = run.checks.run("forward", run.arch, "-w", run.weights, "--input", path, "--output",
                                 out)
        message = process.stderr.decode(errors="replace").strip()
        run.checks.check(
            process.returncode == 0 if takes else process.returncode in (1, 2) and message != "",
            f"input {list(shape)}: timm {'takes' if takes else 'refuses'} it, jimm exits "
            f"{process.returncode}: {message}")
    for name, x in {
        "int64": np.zeros((1, 3, 32, 32), np.int64),
        "uint8": np.zeros((1, 3, 32, 32), np.uint8),
        "big-endian": np.zeros((1, 3, 32, 32), ">f4"),
        "complex": np.zeros((1, 3, 32, 32), np.complex64),
    }.items():
        np.save(path, x)
        run.checks.refuses(f"input of {name}", "forward", run.arch, "-w", run.weights, "--input",
                           path, "--output", out)


def check_wrong_weights(run):
    """One tensor missing, one too many, one transposed: timm's strict loading and jimm refuse."""
    model = model_of(run.arch)
    state = model.state_dict()
    path, _ = run.input((1, 3, 32, 32))
    out, own = run.checks.folder / "y.npy", run.checks.folder / "own.safetensors"
    matrices = [name for name, value in state.items() if value.ndim > 1]
    vectors = [name for name, value in state.items() if value.ndim == 1]
    middle, vector = matrices[len(matrices) // 2], vectors[0]
    head = model.pretrained_cfg["classifier"] + ".weight"
    wrong = {
        "missing": ({n: v for n, v in state.items() if n != middle}, middle),
        "unexpected": ({**state, "layer9.weight": torch.zeros(3)}, "layer9.weight"),
        "transposed": ({**state, head: state[head].swapaxes(0, 1).contiguous()}, head),
        "scalar": ({**state, vector: torch.zeros(())}, vector),
    }
    for what, (tensors, mention) in wrong.items():
        try:
            model.load_state_dict(tensors)
            refused = False
        except RuntimeError:
            refused = True
        run.checks.check(refused, f"timm refuses {what} weights")
        save_file(tensors, own)
        run.checks.refuses(f"{what} weights", "forward", run.arch, "-w", own, "--input", path,
                           "--output", out, mentions=(mention,))


def check(checks, quick):
    for arch in checks.archs or SMALL:
        run = Forward(checks, arch)
        check_sizes(run, quick)
        check_channels(run, quick)
        check_pyramid(run, quick)
        check_strides(run, quick)
        if not quick or arch in ("test_resnet", "test_convnext3"):
            check_heads(run)
            check_inputs(run)
            check_wrong_weights(run)
        if arch in THOROUGH and (not quick or arch == "test_resnet"):
            check_evaluators(run)
            check_dtypes(run)
        print(f"forward: {arch}: worst error {run.worst:.2g}", flush=True)
        run.weights.unlink()
