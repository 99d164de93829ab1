# SPDX-License-Identifier: Apache-2.0
"""The coarse/fine network in PyTorch, with the names of the original's state dict.

It is the reference for the golden files and for parity.py. hcnn-cl itself needs no Python.
"""
import torch
from torch import nn
from torch.nn import functional as F

BACKBONES = {  # block, widening, stem channels, planes, blocks
    "wide_resnet_50": ("bottleneck", 2, 64, (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet50": ("bottleneck", 1, 64, (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet18": ("basic", 1, 64, (64, 128, 256, 512), (2, 2, 2, 2)),
    "tiny": ("bottleneck", 2, 4, (2, 4, 8, 16), (1, 1, 1, 1)),
    "tiny_basic": ("basic", 1, 4, (4, 6, 8, 12), (1, 2, 1, 1)),
}
BITS = {  # stem channels, channels of each stage, blocks, groups
    "bit_r50x1": (64, (256, 512, 1024, 2048), (3, 4, 6, 3), 32),
    "tiny_bit": (4, (16, 16, 24, 32), (1, 2, 1, 1), 2),
}
MEAN = (0.5071, 0.4867, 0.4408)
DEVIATION = (0.2675, 0.2565, 0.2761)


def shortcut_of(cin, cout, stride):
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, cin, planes, widening, stride):
        super().__init__()
        width, cout = widening * planes, self.expansion * planes
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        if stride != 1 or cin != cout:
            self.downsample = shortcut_of(cin, cout, stride)

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, cin, planes, widening, stride):
        super().__init__()
        cout = widening * planes
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        if stride != 1 or cin != cout:
            self.downsample = shortcut_of(cin, cout, stride)

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


BLOCKS = {"bottleneck": Bottleneck, "basic": BasicBlock}


class Backbone(nn.Module):
    def __init__(self, name, stem, stages):
        super().__init__()
        kind, widening, channels, planes, blocks = BACKBONES[name]
        block_of = BLOCKS[kind]
        self.pooled = stem == "imagenet"
        self.conv1 = (
            nn.Conv2d(3, channels, 7, 2, 3, bias=False)
            if self.pooled
            else nn.Conv2d(3, channels, 3, 1, 1, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(channels)
        self.stages = stages
        for stage in range(stages):
            layer = []
            for block in range(blocks[stage]):
                stride = 2 if block == 0 and stage > 0 else 1
                layer.append(block_of(channels, planes[stage], widening, stride))
                channels = block_of.expansion * planes[stage]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.channels = channels

    def forward(self, x):
        """Returns the outputs of all stages."""
        x = F.relu(self.bn1(self.conv1(x)))
        if self.pooled:
            x = F.max_pool2d(x, 3, 2, 1)
        values = []
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
            values.append(x)
        return values


class StandardConv2d(nn.Conv2d):
    def forward(self, x):
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        variance = self.weight.var((1, 2, 3), unbiased=False, keepdim=True)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-8)  # timm's epsilon for BiT
        return F.conv2d(x, weight, None, self.stride, self.padding)


class PreActivationBottleneck(nn.Module):
    def __init__(self, cin, cout, groups, stride, downsample):
        super().__init__()
        width = cout // 4
        if downsample:
            self.downsample = nn.Module()
            self.downsample.conv = StandardConv2d(cin, cout, 1, stride, bias=False)
        self.norm1 = nn.GroupNorm(groups, cin)
        self.conv1 = StandardConv2d(cin, width, 1, bias=False)
        self.norm2 = nn.GroupNorm(groups, width)
        self.conv2 = StandardConv2d(width, width, 3, stride, 1, bias=False)
        self.norm3 = nn.GroupNorm(groups, width)
        self.conv3 = StandardConv2d(width, cout, 1, bias=False)

    def forward(self, x):
        active = F.relu(self.norm1(x))
        shortcut = self.downsample.conv(active) if hasattr(self, "downsample") else x
        x = self.conv1(active)
        x = self.conv2(F.relu(self.norm2(x)))
        return self.conv3(F.relu(self.norm3(x))) + shortcut


class Bit(nn.Module):
    """BiT with timm's names. Without its last stage it has no final norm."""

    def __init__(self, name, stem, stages):
        super().__init__()
        channels, couts, blocks, groups = BITS[name]
        self.groups = groups
        self.pooled = stem == "imagenet"
        shape = (7, 2, 3) if self.pooled else (3, 1, 1)
        self.stem = nn.Module()
        self.stem.conv = StandardConv2d(3, channels, *shape, bias=False)
        self.stages = nn.ModuleList()
        for stage in range(stages):
            made = nn.Module()
            made.blocks = nn.ModuleList()
            for block in range(blocks[stage]):
                stride = 2 if block == 0 and stage > 0 else 1
                made.blocks.append(
                    PreActivationBottleneck(channels, couts[stage], groups, stride, block == 0)
                )
                channels = couts[stage]
            self.stages.append(made)
        self.channels = channels
        if stages == 4:
            self.norm = nn.GroupNorm(groups, channels)

    def forward(self, x):
        x = self.stem.conv(x)
        if self.pooled:
            x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2)
        values = []
        for stage in self.stages:
            for block in stage.blocks:
                x = block(x)
            values.append(x)
        return values


def channels_of(name, stages):
    if name in BITS:
        return BITS[name][1][stages - 1]
    kind, _, _, planes, _ = BACKBONES[name]
    return BLOCKS[kind].expansion * planes[stages - 1]


class HCNN(nn.Module):
    def __init__(
        self,
        backbone,
        stem,
        coarse_classes,
        fine_classes,
        only_fine=False,
        fusion="concat",
        coarse_stages=3,
        shared_trunk=False,
    ):
        super().__init__()
        self.only_fine, self.fusion = only_fine, fusion
        self.coarse_stages, self.shared_trunk = coarse_stages, shared_trunk
        self.bit = backbone in BITS
        build = Bit if self.bit else Backbone
        coarse, fine = channels_of(backbone, coarse_stages), channels_of(backbone, 4)
        if shared_trunk:
            self.backbone = build(backbone, stem, 4)
        elif not only_fine:
            self.coarse_backbone = build(backbone, stem, coarse_stages)
        if not only_fine:
            if self.bit and coarse_stages < 4:
                self.coarse_norm = nn.GroupNorm(BITS[backbone][3], coarse)
            self.coarse_classifier = nn.Linear(coarse, coarse_classes)
        if not shared_trunk:
            self.fine_backbone = build(backbone, stem, 4)
        self.fine_classifier = nn.Linear(fine, fine_classes)
        if not only_fine and not shared_trunk:
            self.make_fusion(coarse, fine)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def make_fusion(self, coarse, fine):
        if self.fusion == "concat":
            self.fine_11conv = nn.Conv2d(fine + coarse, fine, 1)
        elif self.fusion == "concat-bn-relu":
            self.fine_11conv = nn.Conv2d(fine + coarse, fine, 1, bias=False)
            self.fine_bn = nn.BatchNorm2d(fine)
        elif self.fusion == "add":
            self.fine_11conv = nn.Conv2d(coarse, fine, 1)
        else:
            self.fine_gate = nn.Conv2d(coarse, fine, 1)

    def fuse(self, fine, coarse):
        """Fuses both maps. The coarse one is detached, and is pooled to the fine one's size, except for a
        gate."""
        if self.fusion == "gate":
            return fine * torch.sigmoid(self.fine_gate(coarse.mean((2, 3), keepdim=True)))
        if self.coarse_stages < 4:
            coarse = F.max_pool2d(coarse, 3, 2, 1)
        if self.fusion == "add":
            return fine + self.fine_11conv(coarse)
        mixed = self.fine_11conv(torch.cat((fine, coarse), 1))
        return F.relu(self.fine_bn(mixed)) if self.fusion == "concat-bn-relu" else mixed

    def features(self, backbone, stages, value):
        """The input of heads and fusions: BiT's stages end without a norm, which is added here."""
        if not self.bit:
            return value
        return F.relu(backbone.norm(value) if stages == 4 else self.coarse_norm(value))

    def forward(self, x):
        """Returns the logits (coarse or None, fine)."""
        fine_backbone = self.backbone if self.shared_trunk else self.fine_backbone
        values = fine_backbone(x)
        fine = self.features(fine_backbone, 4, values[3])
        if self.only_fine:
            return None, self.fine_classifier(fine.mean((2, 3)))
        coarse_backbone = self.backbone if self.shared_trunk else self.coarse_backbone
        if not self.shared_trunk:
            values = coarse_backbone(x)
        coarse = self.features(coarse_backbone, self.coarse_stages, values[self.coarse_stages - 1])
        coarse_logits = self.coarse_classifier(coarse.mean((2, 3)))
        if not self.shared_trunk:
            fine = self.fuse(fine, coarse.detach())
        return coarse_logits, self.fine_classifier(fine.mean((2, 3)))


def normalise(pixels):
    """Converts uint8 [n, 3, h, w] to the network's input."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1)
    return (pixels.float() / 255 - mean) / deviation


def losses(model, pixels, coarse, fine):
    """Both logits and both cross entropies, averaged over the batch. The coarse ones are None for an
    only-fine network."""
    coarse_logits, fine_logits = model(normalise(pixels))
    coarse_loss = None if model.only_fine else F.cross_entropy(coarse_logits, coarse)
    return coarse_logits, fine_logits, coarse_loss, F.cross_entropy(fine_logits, fine)
