"""Networks of many makes, small or at small sizes, and their SE gates written out by hand in float64."""

import timm
import torch
import torchvision
from timm.layers.cbam import CbamModule
from torch import nn
from torch.nn import functional as F

import effv2viz as ev
from tests.models.references import calibrate


class WidelyCopied(nn.Module):
    """SE as it is copied from page to page: nobody registered it."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        return x * self.fc(self.avg_pool(x).view(b, c)).view(b, c, 1, 1)


def around(*modules):
    """A small network around modules that take 16 channels."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), *modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )


NETWORKS = {
    "ours": lambda: ev.create_model("efficientnetv2_nano"),
    "ours, senet": lambda: ev.create_model("efficientnetv2_nano", attention="senet"),
    "torchvision efficientnet_b0": torchvision.models.efficientnet_b0,
    "torchvision mobilenet_v3_small": torchvision.models.mobilenet_v3_small,
    "torchvision regnet_y_400mf": torchvision.models.regnet_y_400mf,
    "timm tf_efficientnetv2_b0": lambda: timm.create_model("tf_efficientnetv2_b0"),
    "timm mobilenetv3_small_100": lambda: timm.create_model("mobilenetv3_small_100"),
    "timm rexnet_100 (norm inside)": lambda: timm.create_model("rexnet_100"),
    "timm legacy_seresnet18": lambda: timm.create_model("legacy_seresnet18"),
    "timm ese_vovnet19b_slim": lambda: timm.create_model("ese_vovnet19b_slim"),
    "timm hgnet_tiny": lambda: timm.create_model("hgnet_tiny"),
    "timm ecaresnet26t": lambda: timm.create_model("ecaresnet26t"),
    "timm eca_nfnet_l0": lambda: timm.create_model("eca_nfnet_l0"),
    "timm gc_efficientnetv2_rw_t": lambda: timm.create_model("gc_efficientnetv2_rw_t"),
    "timm cbam": lambda: around(CbamModule(16, rd_ratio=0.25)),
    "widely copied": lambda: around(WidelyCopied(16)),
}


def build(name):
    torch.manual_seed(0)
    model = NETWORKS[name]()
    return calibrate(model, 64) if any(isinstance(m, nn.BatchNorm2d) for m in model.modules()) else model.eval()


ACTIVATIONS = {"SiLU": F.silu, "ReLU": F.relu, "Sigmoid": torch.sigmoid, "Hardsigmoid": F.hardsigmoid}
ACTIVATIONS |= {"HardSigmoid": F.hardsigmoid, "Swish": F.silu}


def linear(layer, z):
    """A 1x1 convolution or Linear layer on vectors (N, C), in float64."""
    y = z @ layer.weight.double().flatten(1).T
    return y if layer.bias is None else y + layer.bias.double()


def activation(module, z):
    return ACTIVATIONS[type(module).__name__](z)


def by_hand(se, x):
    """(squeeze, hidden or None, gate) of an SE module for its input x (N, C, H, W), from its weights alone."""
    x = x.double()
    z = x.mean((2, 3))
    kind = type(se).__name__
    if kind in ("SqueezeExcite", "SEModule", "SqueezeExcitation", "SENetSqueezeExcite", "WidelyCopied"):
        names = {
            "reduce": ("reduce", "conv_reduce", "fc1", "excitation.0", "fc.0"),
            "act": ("act", "act1", "activation", "relu", "excitation.1", "fc.1"),
            "expand": ("expand", "conv_expand", "fc2", "excitation.2", "fc.2"),
            "gate": ("gate", "scale_activation", "sigmoid", "excitation.3", "fc.3"),
        }
        children = dict(se.named_modules())
        reduce, act, expand, gate = (next(children[n] for n in names[part] if n in children) for part in names)
        h = linear(reduce, z)
        norm = children.get("bn")
        if isinstance(norm, nn.BatchNorm2d):
            h = (h - norm.running_mean.double()) / (norm.running_var.double() + norm.eps).sqrt()
            h = h * norm.weight.double() + norm.bias.double()
        h = activation(act, h)
        return z, h, activation(gate, linear(expand, h))
    if kind in ("EffectiveSEModule", "EseModule"):
        layer, gate = (se.fc, se.gate) if kind == "EffectiveSEModule" else (se.conv, se.sigmoid)
        return z, None, activation(gate, linear(layer, z))
    if kind == "EcaModule":
        kernel = se.conv.weight.double().flatten()
        reach = len(kernel) // 2
        padded = F.pad(z, (reach, reach))
        return z, None, torch.sigmoid(sum(k * padded[:, i : i + z.shape[1]] for i, k in enumerate(kernel)))
    if kind == "GlobalContext":
        attention = linear(se.conv_attn, x.flatten(2).transpose(1, 2)).softmax(1)  # (N, H * W, 1)
        z = (x.flatten(2) @ attention)[..., 0]
        h = linear(se.mlp_scale.fc1, z)
        norm = se.mlp_scale.norm
        h = F.layer_norm(h, (h.shape[1],), norm.weight.double(), norm.bias.double(), norm.eps)
        h = activation(se.mlp_scale.act, h)
        return z, h, torch.sigmoid(linear(se.mlp_scale.fc2, h))
    if kind == "ChannelAttn":
        both = [linear(se.fc2, linear(se.fc1, pooled).relu()) for pooled in (z, x.amax((2, 3)))]
        return z, None, torch.sigmoid(both[0] + both[1])
    raise AssertionError(kind)
