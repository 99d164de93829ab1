"""The coarse/fine Wide ResNet in PyTorch, with the original's state-dict names.

The reference for the golden files and for parity.py; hcnn-cl itself needs no Python.
"""
import torch
from torch import nn
from torch.nn import functional as F

BACKBONES = {  # block, widening, stem channels, planes, blocks
    "wide_resnet_50": ("bottleneck", 2, 64, (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet50": ("bottleneck", 1, 64, (64, 128, 256, 512), (3, 4, 6, 3)),
    "resnet18": ("basic", 1, 64, (64, 128, 256, 512), (2, 2, 2, 2)),
    "tiny": ("bottleneck", 2, 4, (2, 4, 8, 16), (1, 1, 1, 1)),
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
        x = F.relu(self.bn1(self.conv1(x)))
        if self.pooled:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return x


class HCNN(nn.Module):
    def __init__(self, backbone, stem, coarse_classes, fine_classes, only_fine=False):
        super().__init__()
        self.only_fine = only_fine
        if not only_fine:
            self.coarse_backbone = Backbone(backbone, stem, 3)
            coarse = self.coarse_backbone.channels
            self.coarse_classifier = nn.Linear(coarse, coarse_classes)
        self.fine_backbone = Backbone(backbone, stem, 4)
        fine = self.fine_backbone.channels
        self.fine_classifier = nn.Linear(fine, fine_classes)
        if not only_fine:
            self.fine_11conv = nn.Conv2d(fine + coarse, fine, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        """Logits: (coarse or None, fine)."""
        fine = self.fine_backbone(x)
        coarse_logits = None
        if not self.only_fine:
            coarse = self.coarse_backbone(x)
            coarse_logits = self.coarse_classifier(coarse.mean((2, 3)))
            beside = F.max_pool2d(coarse.detach(), 3, 2, 1)
            fine = self.fine_11conv(torch.cat((fine, beside), 1))
        return coarse_logits, self.fine_classifier(fine.mean((2, 3)))


def normalise(pixels):
    """uint8 [n, 3, h, w] to the network's input."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1)
    return (pixels.float() / 255 - mean) / deviation


def losses(model, pixels, coarse, fine):
    """Both cross entropies, means over the batch; the coarse one is None for only-fine."""
    coarse_logits, fine_logits = model(normalise(pixels))
    coarse_loss = None if model.only_fine else F.cross_entropy(coarse_logits, coarse)
    return coarse_logits, fine_logits, coarse_loss, F.cross_entropy(fine_logits, fine)
