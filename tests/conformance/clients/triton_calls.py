"""What each of Triton's four clients must be able to do."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from triton_kit import ROW, Kit, refused, response
from triton_regions import regions

KINDS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "float16", "float32", "float64")  # fmt: skip


async def run(kit: Kit) -> None:
    await health(kit)
    await models(kit)
    await versions(kit)
    await tensors(kit)
    await regions(kit)
    await transport(kit)
    await mistakes(kit)


async def health(kit: Kit) -> None:
    with kit.report.feature("live and ready"):
        assert await kit.ask("is_server_live") is True
        assert await kit.ask("is_server_ready") is True
    with kit.report.feature("a model's readiness"):
        assert await kit.ask("is_model_ready", "add") is True
        assert await kit.ask("is_model_ready", "scale", "3") is True
        assert await kit.ask("is_model_ready", "scale", "9") is False
        assert await kit.ask("is_model_ready", "nope") is False


async def models(kit: Kit) -> None:
    with kit.report.feature("server metadata"):
        server = await kit.ask("get_server_metadata")
        assert server["name"] == "easel"
        assert "statistics" in server["extensions"]
    with kit.report.feature("model metadata"):
        pair = await kit.ask("get_model_metadata", "pair")
        assert pair["name"] == "pair"
        assert [(each["name"], each["datatype"]) for each in pair["inputs"]] == [
            ("a", "FP32"), ("b", "FP32")
        ]  # fmt: skip
        assert [int(size) for size in pair["outputs"][0]["shape"]] == [-1, 3]
        scale = await kit.ask("get_model_metadata", "scale", "2")
        assert sorted(scale["versions"]) == ["1", "2", "3"]
    with kit.report.feature("model config"):
        config = await kit.ask("get_model_config", "add")
        config = config.get("config", config)
        assert config["name"] == "add"
        assert config["input"][0]["data_type"] == "TYPE_FP32"
        assert int(config["max_batch_size"]) > 0
    with kit.report.feature("statistics"):
        before = await count(kit, "half")
        await kit.infer("half", [kit.tensor("x", ROW.astype(np.float16))])
        assert await count(kit, "half") == before + 1
    with kit.report.feature("repository index"):
        index = await kit.ask("get_model_repository_index")
        entries = index["models"] if isinstance(index, dict) else index
        ready = {
            (entry["name"], entry["version"]) for entry in entries if entry["state"] == "READY"
        }
        assert {("add", "1"), ("scale", "1"), ("scale", "3")} <= ready
    await control(kit)


async def control(kit: Kit) -> None:
    """The server lets those control its models who know its token."""
    with kit.report.feature("load and unload, refused without the token"):
        for method in ("unload_model", "load_model"):
            async with refused("401" if kit.is_http else "UNAUTHENTICATED", "Bearer TOKEN"):
                await kit.ask(method, "whole")
        assert await kit.ask("is_model_ready", "whole") is True
    with kit.report.feature("load and unload, with the token"):
        headers = {"authorization": "Bearer conformance"}
        await kit.ask("unload_model", "whole", headers=headers)
        assert await kit.ask("is_model_ready", "whole") is False
        await kit.ask("load_model", "whole", headers=headers)
        assert await kit.ask("is_model_ready", "whole") is True


async def count(kit: Kit, model: str) -> int:
    """Inferences of a model that succeeded."""
    statistics = await kit.ask("get_inference_statistics", model)
    entry = statistics["model_stats"][0]
    return int(entry["inference_stats"]["success"].get("count", 0))


async def versions(kit: Kit) -> None:
    with kit.report.feature("infer, the usual version"):
        answer = await kit.row("scale")
        assert response(answer)["model_version"] == "2"
    with kit.report.feature("infer, a version by its number"):
        for number in (1, 2, 3):
            answer = await kit.row("scale", model_version=str(number))
            assert response(answer)["model_version"] == str(number)
            np.testing.assert_array_equal(answer.as_numpy("y"), ROW * number)
    with kit.report.feature("infer, a request's id"):
        assert response(await kit.row(request_id="seven"))["id"] == "seven"


async def tensors(kit: Kit) -> None:
    with kit.report.feature("infer, every datatype"):
        sent = {kind: np.array([[1, 0]], kind) for kind in KINDS}
        sent["bytes"] = np.array([["é".encode(), b""]], object)
        inputs = [kit.tensor(f"in_{kind}", array) for kind, array in sent.items()]
        answer = await kit.infer("kinds", inputs)
        for kind, array in sent.items():
            output = answer.as_numpy(f"out_{kind}")
            assert output.dtype == array.dtype, kind
            np.testing.assert_array_equal(output, array)
    with kit.report.feature("infer, bfloat16"):
        brain = ROW.astype(ml_dtypes.bfloat16)
        output = (await kit.infer("brain", [kit.tensor("x", brain)])).as_numpy("y")
        assert output.dtype == brain.dtype
        np.testing.assert_array_equal(output, brain)
    with kit.report.feature("infer, strings"):
        words = np.array([[b"one", "둘".encode()]], object)
        answer = await kit.infer("text", [kit.tensor("x", words)])
        assert answer.as_numpy("y").tolist() == words.tolist()
    with kit.report.feature("infer, several inputs and outputs"):
        a, b = np.float32([[5, 6, 7]]), np.float32([[1, 2, 3]])
        inputs = [kit.tensor("b", b), kit.tensor("a", a)]
        answer = await kit.infer("pair", inputs)
        np.testing.assert_array_equal(answer.as_numpy("total"), a + b)
        np.testing.assert_array_equal(answer.as_numpy("difference"), a - b)
    with kit.report.feature("infer, named outputs"):
        answer = await kit.infer("pair", inputs, outputs=kit.outputs("difference"))
        assert answer.as_numpy("total") is None
        np.testing.assert_array_equal(answer.as_numpy("difference"), a - b)
    with kit.report.feature("infer, a model without a batch axis"):
        table = np.arange(6, dtype=np.float32).reshape(2, 3)
        answer = await kit.infer("fixed", [kit.tensor("x", table)])
        np.testing.assert_array_equal(answer.as_numpy("y"), table + 1)
    with kit.report.feature("infer, more rows than one run takes"):
        rows = np.arange(4000, dtype=np.float32).reshape(1000, 4)
        answer = await kit.infer("add", [kit.tensor("x", rows)])
        np.testing.assert_array_equal(answer.as_numpy("y"), rows + 1)
    with kit.report.feature("infer, classes of an output"):
        asked = kit.module.InferRequestedOutput("y", class_count=2)
        answer = await kit.row(outputs=[asked])
        assert [word.decode() for word in answer.as_numpy("y")[0]] == ["5.000000:3", "4.000000:2"]


async def transport(kit: Kit) -> None:
    if kit.is_http:
        with kit.report.feature("infer, JSON both ways"):
            answer = await kit.infer(
                "add", [kit.tensor("x", ROW, binary=False)], outputs=kit.outputs("y", binary=False)
            )
            np.testing.assert_array_equal(answer.as_numpy("y"), ROW + 1)
        with kit.report.feature("infer, strings in JSON"):
            words = np.array([[b"one", "둘".encode()]], object)
            inputs = [kit.tensor("x", words, binary=False)]
            answer = await kit.infer("text", inputs, outputs=kit.outputs("y", binary=False))
            assert answer.as_numpy("y").tolist() == [["one", "둘"]]
    for algorithm in ("gzip", "deflate"):
        with kit.report.feature(f"infer, {algorithm}"):
            options = {"compression_algorithm": algorithm}
            if kit.is_http:
                options = {
                    "request_compression_algorithm": algorithm,
                    "response_compression_algorithm": algorithm,
                }
            rows = np.ones((200, 4), np.float32)
            answer = await kit.infer("add", [kit.tensor("x", rows)], **options)
            np.testing.assert_array_equal(answer.as_numpy("y"), rows + 1)
    with kit.report.feature("infer, a timeout and a priority in the request"):
        answer = await kit.row(priority=1, timeout=10_000_000)
        np.testing.assert_array_equal(answer.as_numpy("y"), ROW + 1)


async def mistakes(kit: Kit) -> None:
    missing = "404" if kit.is_http else "NOT_FOUND"
    wrong = "400" if kit.is_http else "INVALID_ARGUMENT"
    with kit.report.feature("errors of model and version"):
        async with refused(missing, "Request for unknown model: 'nope' is not found"):
            await kit.row("nope")
        async with refused(missing, "Request for unknown model: 'add' version 9 is not found"):
            await kit.row("add", model_version="9")
        async with refused(wrong, "version should be an integral value > 0"):
            await kit.row("add", model_version="abc")
    with kit.report.feature("errors of tensors"):
        async with refused(wrong, "unexpected inference input 'z' for model 'add'"):
            await kit.infer("add", [kit.tensor("z", ROW)])
        async with refused(wrong, "data-type is 'INT32', but model 'add' expects 'FP32'"):
            await kit.infer("add", [kit.tensor("x", ROW.astype(np.int32))])
        async with refused(wrong, "unexpected shape for input 'x' for model 'add'"):
            await kit.infer("add", [kit.tensor("x", ROW[:, :3])])
        async with refused(wrong, "expected 2 inputs but got 1 inputs for model 'pair'"):
            await kit.infer("pair", [kit.tensor("a", ROW[:, :3])])
        async with refused(wrong, "unexpected inference output 'q' for model 'add'"):
            await kit.row(outputs=kit.outputs("q"))
    with kit.report.feature("CUDA's memory, traces and logs, refused with the reason"):
        absent = "404" if kit.is_http else "UNIMPLEMENTED"
        for method, text in (
            ("get_cuda_shared_memory_status", "nothing on a GPU"),
            ("get_trace_settings", "traces are configured when the server starts"),
            ("get_log_settings", "the log is configured when the server starts"),
        ):
            async with refused(absent, text):
                await kit.ask(method)
