"""The nodes of a graph in a timm model: its modules that compute, in the words of jimm's graph."""

from timm.layers import (
    GELU,
    AvgPool2dSame,
    BatchNormAct2d,
    BlurPool2d,
    Conv2dSame,
    EcaModule,
    EvoNorm2dS0,
    FilterResponseNormTlu2d,
    GELUTanh,
    GroupNormAct,
    RmsNorm2d,
    SEModule,
    SelectAdaptivePool2d,
    Sigmoid,
    SimpleNorm2d,
    StdConv2d,
)
from timm.layers.grn import GlobalResponseNorm
from torch import nn


def pair(value):
    return list(value) if isinstance(value, (tuple, list)) else [value, value]


def attributes(module):
    """What a leaf module computes, in the words of jimm's graph; None when it does nothing."""
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise TypeError(f"padding of {module}")
        return {
            "op": "conv2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "dilation": pair(module.dilation),
            "groups": module.groups,
            "bias": module.bias is not None,
        }
    if isinstance(module, nn.BatchNorm2d):
        if not module.affine or not module.track_running_stats:
            raise TypeError(f"{module}")
        return {"op": "batch_norm", "eps": module.eps}
    if isinstance(module, EvoNorm2dS0):
        if not module.apply_act:
            raise TypeError(f"{module}")
        return {"op": "evo_norm2d_s0", "groups": module.groups, "eps": module.eps}
    if isinstance(module, FilterResponseNormTlu2d):
        if not module.apply_act or not module.rms:
            raise TypeError(f"{module}")
        return {"op": "filter_response_norm", "eps": module.eps}
    if isinstance(module, nn.LayerNorm):
        return {"op": "channel_norm", "type": "layer", "eps": module.eps}
    if isinstance(module, RmsNorm2d):
        return {"op": "channel_norm", "type": "rms", "eps": module.eps}
    if isinstance(module, SimpleNorm2d):
        return {"op": "channel_norm", "type": "simple", "eps": module.eps}
    if isinstance(module, GlobalResponseNorm):
        return {"op": "global_response_norm", "eps": module.eps}
    if isinstance(module, nn.ConstantPad2d):
        left, right, top, bottom = module.padding
        return {"op": "pad2d", "before": [top, left], "after": [bottom, right], "value": module.value}
    if isinstance(module, nn.GroupNorm):
        return {"op": "group_norm", "groups": module.num_groups, "eps": module.eps}
    if isinstance(module, nn.MaxPool2d):
        if pair(module.dilation) != [1, 1]:
            raise TypeError(f"{module}")
        return {
            "op": "max_pool2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "ceil_mode": module.ceil_mode,
        }
    if isinstance(module, nn.AvgPool2d):
        if module.divisor_override is not None:
            raise TypeError(f"{module}")
        if isinstance(module, AvgPool2dSame) and pair(module.stride) != [1, 1]:
            raise TypeError(f"padding that depends on the size: {module}")
        return {
            "op": "avg_pool2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "ceil_mode": module.ceil_mode,
            "count_include_pad": module.count_include_pad,
        }
    if isinstance(module, nn.Conv1d):
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise TypeError(f"padding of {module}")
        return {
            "op": "conv1d",
            "kernel": list(module.kernel_size),
            "stride": module.stride[0],
            "padding": module.padding[0],
            "dilation": module.dilation[0],
            "groups": module.groups,
            "bias": module.bias is not None,
        }
    if isinstance(module, BlurPool2d):
        if module.pad_mode != "reflect" or len(set(module.padding)) != 1:
            raise TypeError(f"padding of {module}")
        return {"op": "blur_pool2d", "filter_size": module.filt_size, "stride": module.stride}
    if isinstance(module, nn.ReLU):
        return {"op": "relu"}
    if isinstance(module, (nn.Sigmoid, Sigmoid)):
        return {"op": "sigmoid"}
    if isinstance(module, GELUTanh):
        return {"op": "gelu", "approximate": "tanh"}
    if isinstance(module, (GELU, nn.GELU)):
        return {"op": "gelu", "approximate": getattr(module, "approximate", "none")}
    if isinstance(module, nn.SiLU):
        return {"op": "silu"}
    if isinstance(module, nn.Linear):
        return {"op": "linear", "bias": module.bias is not None}
    if isinstance(module, (nn.Identity, nn.Flatten, nn.Dropout)):
        return None
    raise TypeError(f"a module that the goldens do not know: {module}")


def inner_nodes(name, module):
    """What a module computes that is no module of its own."""
    if isinstance(module, (SEModule, EcaModule)):
        if getattr(module, "add_maxpool", False):
            raise TypeError(f"{module}")
        yield name + ".mean", {"op": "global_pool", "type": "avg"}
    if isinstance(module, StdConv2d):
        yield name + ".standardize", {"op": "standardize_weight", "eps": module.eps}
    if isinstance(module, Conv2dSame) and (pair(module.stride) != [1, 1] or any(module.padding)):
        raise TypeError(f"padding that depends on the size: {module}")
    if isinstance(module, (AvgPool2dSame, Conv2dSame)):
        extent = pair(module.kernel_size)[0] - 1
        total = extent * (pair(module.dilation)[0] if isinstance(module, Conv2dSame) else 1)
        before, after = total // 2, total - total // 2
        yield name + ".pad", {"op": "pad2d", "before": pair(before), "after": pair(after), "value": 0.0}


def named_nodes(model):
    """{name: attributes} of everything that computes."""
    found = {}
    inside = ()
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue
        found.update(inner_nodes(name, module))
        if isinstance(module, SelectAdaptivePool2d):
            inside = (name + ".",)
            found[name + ".pool"] = {"op": "global_pool", "type": module.pool_type}
        elif not list(module.children()) or isinstance(module, (BatchNormAct2d, GroupNormAct)):
            attrs = attributes(module)
            if isinstance(module, nn.Linear) and ".mlp." in name:
                # over the channels of every pixel: a 1x1 convolution
                attrs = attributes(nn.Conv2d(module.in_features, module.out_features, 1))
            if attrs is not None:
                found[name] = attrs
    return found
