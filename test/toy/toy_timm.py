"""The network that docs/porting.md ports, as a model of timm's: timm.create_model("toy_nano").

It is in no release of timm. It is written as timm's models are, and small, and has a trap in every
module: what is not PyTorch's default is marked with a comment.
"""

from functools import partial

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import ClassifierHead, DropPath, GroupNorm, create_conv2d, get_act_layer
from timm.models._builder import build_model_with_cfg
from timm.models._registry import generate_default_cfgs, register_model
from torch import nn


class ToyBlock(nn.Module):
    """conv, norm, act, conv, norm, + shortcut, act."""

    def __init__(
            self, in_chs, out_chs, stride, dilation, first_dilation, act_layer, norm_layer, drop_path=0.0):
        super().__init__()
        self.conv1 = create_conv2d(in_chs, out_chs, 3, stride=stride, dilation=first_dilation)
        self.norm1 = norm_layer(out_chs)
        self.act1 = act_layer()
        self.conv2 = create_conv2d(out_chs, out_chs, 3, dilation=dilation)
        self.norm2 = GroupNorm(out_chs, num_groups=4)  # eps 1e-5, unlike the other norms
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        if stride != 1 or in_chs != out_chs or dilation != first_dilation:
            pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)  # the default is True
            self.downsample = nn.Sequential()
            self.downsample.add_module("pool", pool if stride != 1 else nn.Identity())
            self.downsample.add_module("conv", create_conv2d(in_chs, out_chs, 1))
            self.downsample.add_module("norm", norm_layer(out_chs))
        else:
            self.downsample = nn.Identity()
        self.act2 = act_layer()

    def forward(self, x):
        shortcut = self.downsample(x)
        x = self.act1(self.norm1(self.conv1(x)))
        x = self.norm2(self.conv2(x))
        return self.act2(self.drop_path(x) + shortcut)


class ToyNet(nn.Module):
    def __init__(
            self, in_chans=3, num_classes=1000, global_pool="avg", output_stride=32, depths=(1, 1, 1, 1),
            dims=(8, 16, 24, 32), act_layer="gelu_tanh", drop_rate=0.0):
        super().__init__()
        assert output_stride in (8, 16, 32)
        self.num_classes = num_classes
        self.drop_rate = drop_rate
        act = get_act_layer(act_layer)
        norm = partial(nn.BatchNorm2d, eps=1e-3)  # the default is 1e-5
        self.stem = nn.Sequential()
        self.stem.add_module("conv", create_conv2d(in_chans, dims[0], 3, stride=2))
        self.stem.add_module("norm", norm(dims[0]))
        self.stem.add_module("act", act())
        # after an activation that goes below zero: what the pool pads with decides
        self.stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
        self.feature_info = [dict(num_chs=dims[0], reduction=2, module="stem.act")]
        stages, channels, reduction, dilation = [], dims[0], 4, 1
        for i in range(4):
            stride = 1 if i == 0 else 2
            first_dilation = dilation
            if reduction >= output_stride:
                dilation *= stride
                stride = 1
            reduction *= stride
            blocks = []
            for j in range(depths[i]):
                blocks.append(ToyBlock(
                    channels, dims[i], stride if j == 0 else 1, dilation,
                    first_dilation if j == 0 else dilation, act, norm))
                channels = dims[i]
            stages.append(nn.Sequential(*blocks))
            self.feature_info.append(dict(num_chs=channels, reduction=reduction, module=f"stages.{i}"))
        self.stages = nn.Sequential(*stages)
        self.num_features = self.head_hidden_size = channels
        self.head = ClassifierHead(channels, num_classes, pool_type=global_pool, drop_rate=drop_rate)
        self.init_weights()

    def init_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)
            elif isinstance(module, ToyBlock):
                nn.init.zeros_(module.norm2.weight)  # a fresh block hides its branch

    def forward_features(self, x):
        return self.stages(self.stem(x))

    def forward_head(self, x, pre_logits=False):
        return self.head(x, pre_logits=pre_logits) if pre_logits else self.head(x)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


def _cfg(url="", **kwargs):
    return {
        "url": url, "num_classes": 1000, "input_size": (3, 64, 64), "pool_size": (2, 2),
        "crop_pct": 0.875, "interpolation": "bicubic", "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD, "first_conv": "stem.conv", "classifier": "head.fc", **kwargs,
    }


default_cfgs = generate_default_cfgs({
    "toy_nano.demo_in1k": _cfg(
        url="https://example.org/toy_nano.safetensors", license="apache-2.0",
        test_input_size=(3, 96, 96), test_crop_pct=1.0),
    "toy_micro.untrained": _cfg(),
})


def _create_toy(variant, pretrained=False, **kwargs):
    return build_model_with_cfg(
        ToyNet, variant, pretrained,
        feature_cfg=dict(out_indices=(0, 1, 2, 3, 4), flatten_sequential=True), **kwargs)


@register_model
def toy_nano(pretrained=False, **kwargs):
    args = dict(depths=(1, 2, 1, 1), dims=(8, 16, 24, 32), act_layer="gelu_tanh")
    return _create_toy("toy_nano", pretrained, **dict(args, **kwargs))


@register_model
def toy_micro(pretrained=False, **kwargs):
    args = dict(depths=(2, 1, 1, 2), dims=(16, 16, 32, 32), act_layer="silu")
    return _create_toy("toy_micro", pretrained, **dict(args, **kwargs))


# ---- for jimm's scripts: what a family in timm has in the scripts themselves ----

BLOCKS = (ToyBlock,)  # test/parity/dump_goldens.py: each ends in one sum


def toy_config(arch, kwargs):
    """scripts/make_variants.py: the keyword arguments as fields of toy_config in toy.c."""
    acts = {"gelu_tanh": "JIMM_ACT_GELU_TANH", "silu": "JIMM_ACT_SILU"}
    kwargs = dict(kwargs)
    fields = {
        "depths": "{" + ", ".join(map(str, kwargs.pop("depths"))) + "}",
        "dims": "{" + ", ".join(map(str, kwargs.pop("dims"))) + "}",
        "act": acts[kwargs.pop("act_layer")],
    }
    if kwargs.pop("feature_cfg") != {"out_indices": (0, 1, 2, 3, 4), "flatten_sequential": True} or kwargs:
        raise ValueError(f"{arch}: {kwargs}")
    return fields


FAMILIES = {"toy": ("toy_timm", lambda _: True, toy_config)}
