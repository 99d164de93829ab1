# SPDX-License-Identifier: Apache-2.0
"""The programs that tests/bench/compare measures hcnn-cl against, one class each.

A peer is measured in a process of its own, so that neither its memory nor its threads are there while
another is measured:

    peers.py JOB

JOB is a Job in JSON. For each of the peer's variants, which are ways to run the same network, a JSON
line is printed: {"variant", "images_per_second", "answer"}, or {"variant", "error"}. The answer is the
loss of the first training step, or the fine logits of the first image: all peers get the same weights
and images, so their answers have to agree.
"""

import importlib.util
import json
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

CLASSES = {"coarse": 20, "fine": 100}


@dataclass
class Job:
    peer: str  # a key of PEERS
    mode: str  # train or infer
    precision: str
    size: int  # of the square images
    batch: int
    backbone: str
    stem: str
    only_fine: bool
    weights: str  # the network as a state dict (.pth)
    model: str  # the same as an ONNX model
    threads: int
    seconds: float  # least duration of a measurement
    torch_device: str
    torch_compile: bool

    def images(self):
        """float32 [batch, 3, size, size]"""
        import numpy

        shape = (self.batch, 3, self.size, self.size)
        return numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)


class Peer:
    name = ""
    module = ""  # what Python imports and pip installs
    precisions = {"train": (), "infer": ()}

    @classmethod
    def installed(cls):
        return importlib.util.find_spec(cls.module) is not None

    def __init__(self, job):
        self.job = job

    def variants(self):
        """Yields (name, function). The function builds the network and returns a function without
        arguments, which runs a batch and returns the answer, a list of numbers."""
        raise NotImplementedError


class PyTorch(Peer):
    """Training and inference, in both memory layouts; bf16 by autocast."""

    name, module = "PyTorch", "torch"
    precisions = {"train": ("fp32", "bf16"), "infer": ("fp32", "bf16")}

    def __init__(self, job):
        super().__init__(job)
        import torch

        self.torch = torch
        self.device = torch.device(job.torch_device)
        self.bf16 = job.precision == "bf16"
        torch.set_num_threads(job.threads)

    def variants(self):
        ways = ["eager"] + (["compiled"] if self.job.torch_compile else [])
        if self.job.mode == "infer":
            ways += ["frozen"] + (["bf16 weights"] if self.bf16 else [])
        for name, layout in (("NCHW", self.torch.contiguous_format), ("NHWC", self.torch.channels_last)):
            for way in ways:
                build = self.training if self.job.mode == "train" else self.inference
                yield f"{name}, {way}", partial(build, layout, way)

    def network(self, layout):
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
        from network import HCNN

        job = self.job
        model = HCNN(job.backbone, job.stem, CLASSES["coarse"], CLASSES["fine"], job.only_fine)
        model.load_state_dict(self.torch.load(job.weights, weights_only=True))
        model = model.to(self.device, memory_format=layout).train(job.mode == "train")
        return model, self.torch.from_numpy(job.images()).to(self.device, memory_format=layout)

    def autocast(self, way="eager"):
        """A frozen network has its conversions inside; while it is traced, none may be cached."""
        return self.torch.autocast(self.device.type, self.torch.bfloat16,
                                   enabled=self.bf16 and way != "frozen",
                                   cache_enabled=way != "trace")

    def training(self, layout, way):
        functional = self.torch.nn.functional
        model, x = self.network(layout)
        optimizer = self.torch.optim.SGD(model.parameters(), lr=1e-5)
        labels = self.torch.arange(self.job.batch, device=self.device)
        run = self.torch.compile(model) if way == "compiled" else model

        def step():
            with self.autocast():
                coarse, fine = run(x)
                loss = 2 * functional.cross_entropy(fine, labels % CLASSES["fine"])
                if coarse is not None:
                    loss = loss + functional.cross_entropy(coarse, labels % CLASSES["coarse"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return [loss.item()]

        return step

    def inference(self, layout, way):
        model, x = self.network(layout)
        if way == "bf16 weights":
            model, x = model.bfloat16(), x.bfloat16()
        elif way == "frozen":
            model = self.freeze(model, x)
        elif way == "compiled":
            self.torch._inductor.config.freezing = True  # folds batch normalisation
            model = self.torch.compile(model)

        def step():
            with self.torch.inference_mode(), self.autocast(way):
                return model(x)[-1][0].tolist()

        return step

    def freeze(self, model, x):
        """A trace with constant weights, in which batch normalisation is folded."""
        torch = self.torch

        class Heads(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, x):
                return tuple(logits for logits in self.model(x) if logits is not None)

        with torch.inference_mode(), self.autocast("trace"):
            trace = torch.jit.trace(Heads().eval(), x, check_trace=False)
            return torch.jit.optimize_for_inference(torch.jit.freeze(trace))


class OnnxRuntime(Peer):
    """Inference on the processor."""

    name, module = "ONNX Runtime", "onnxruntime"
    precisions = {"train": (), "infer": ("fp32",)}

    def variants(self):
        yield "", self.build

    def build(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.job.threads
        options.add_free_dimension_override_by_name("batch", self.job.batch)
        session = onnxruntime.InferenceSession(
            self.job.model, options, providers=["CPUExecutionProvider"])
        inputs = {"image": self.job.images()}
        return lambda: session.run(None, inputs)[-1][0].tolist()


class OpenVino(Peer):
    """Inference on the processor, one batch at a time."""

    name, module = "OpenVINO", "openvino"
    precisions = {"train": (), "infer": ("fp32", "bf16")}

    def variants(self):
        yield "", self.build

    def build(self):
        import openvino

        core = openvino.Core()
        precision = {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16}[self.job.precision]
        model = core.read_model(self.job.model)
        images = self.job.images()
        model.reshape(images.shape)
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.job.threads})
        if compiled.get_property("INFERENCE_PRECISION_HINT") != precision:
            raise RuntimeError(f"does not compute in {self.job.precision} on this processor")
        request = compiled.create_infer_request()
        fine = compiled.output("fine")
        return lambda: request.infer([images], share_inputs=True)[fine][0].tolist()


PEERS = {peer.module: peer for peer in (PyTorch, OnnxRuntime, OpenVino)}


def measure(step, job):
    """Images per second. Two batches warm up: PyTorch optimises a trace in the second."""
    answer = step()
    step()
    start, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - start < job.seconds:
        step()
        steps += 1
    rate = steps * job.batch / (time.perf_counter() - start)
    return {"images_per_second": rate, "answer": answer}


def main():
    warnings.simplefilter("ignore")
    job = Job(**json.loads(sys.argv[1]))
    for name, build in PEERS[job.peer](job).variants():
        try:
            line = measure(build(), job)
        except (RuntimeError, ValueError) as error:  # out of memory, or one value per channel
            line = {"error": str(error)}
        print(json.dumps({"variant": name, **line}), flush=True)


if __name__ == "__main__":
    main()
