"""Calls through addresses are typed: wrong arguments are refused when the caller is compiled."""

import ast
import inspect

import numpy as np
import pytest
from helpers.merged import in_one_test
from helpers.sources import trees
from numba.core.errors import TypingError

from fastmlp.activations import ACTIVATIONS
from fastmlp.compiler.kernel import DOUBLES, INDICES, INTEGERS, POINTER, SIZE, KernelSource, find
from fastmlp.compiler.numba_backend import ELEMENTWISE, build, make_kernel
from fastmlp.kernels.lowlevel import calls
from fastmlp.kernels.lowlevel.pointers import Signature, caller_of
from fastmlp.kernels.lowlevel.records import LAYER, LAYER_POINTER, TASK, TASK_POINTER
from fastmlp.optimizers import OPTIMIZERS

SIGNATURES = {
    name.removesuffix("_SIGNATURE").lower(): value for name, value in vars(calls).items() if "SIGNATURE" in name
}
CALLERS = {name.removeprefix("call_"): value for name, value in vars(calls).items() if name.startswith("call_")}

#: The fields of the records that hold addresses of kernels, by the signature of the kernels behind them.
FIELDS = {
    "activation": {"activation"},
    "loss": {"loss"},
    "output_backward": {"output_backward"},
    "update_rule": {"update", "rule", "shrink"},
    "multiply": {"multiply"},
    "transpose": {"transpose"},
    "copy_panels": {"copy_panels"},
    "sparse_forward": {"sparse_forward"},
    "sort_by_feature": {"sort_by_feature"},
    "sparse_weight_gradient": {"sparse_weight_gradient"},
    "layer_rows": {"mask", "in_blocks", "activate"},
    "weight_gradient": {"weight_gradient"},
    "update_layer": {"update_layer", "update_plain_layer", "update_sparse_weights"},
    "copy_weights": {"copy_weights"},
    "add_squares": {"add_squares"},
    "add_microbatches": {"add_microbatches"},
    "ordered_rows": {"forward", "pass_rows", "embed", "forward_layers", "look_up"},
    "backward": {"backward"},
    "batch": {"microbatch_gradients", "multiply_fortran", "scatter", "update_embeddings", "update_look_ups"},
    "predict_rows": {"predict_rows"},
    "phase": {"run_global_phases", "before_step", "store_magnitudes", "set_groups"},
}
#: Addresses that are not in a field of their own, as the calls spell them.
ELSEWHERE = {"update_rule": {"rule"}, "phase": {"integers_at(task.phases)[number]"}}

#: Kernels that only Python calls: their signatures are next to them.
ENTRY_POINTS = {
    "train_steps", "add_gradients", "add_losses", "store_losses", "predict_few", "shuffle", "share_dead_units"
}  # fmt: skip


def calling(caller, declared, given):
    """A kernel with the arguments `declared` that calls an address with the expressions `given`."""
    names = [f"a{i}" for i in range(len(declared))]
    source = f"def calls_another(address, {', '.join(names)}):\n    call(address, {', '.join(given)})\n"
    namespace = {"call": caller, "__name__": __name__}
    exec(source, namespace)
    return make_kernel(KernelSource(namespace["calls_another"], (SIZE, *declared), ELEMENTWISE, None))


def compile_call(caller, declared, given=None, dtype=np.float32):
    return build(calling(caller, declared, given or [f"a{i}" for i in range(len(declared))]).source, dtype)


def test_each_signature_has_one_caller():
    assert SIGNATURES.keys() == CALLERS.keys() == FIELDS.keys()
    assert all(isinstance(signature, Signature) for signature in SIGNATURES.values())
    assert len(set(SIGNATURES.values())) == len(SIGNATURES), "two callers have the same signature: make them one"


@in_one_test()
@pytest.mark.parametrize("name", SIGNATURES)
def test_caller_takes_its_signature(name):
    for dtype in (np.float32, np.float64):
        compile_call(CALLERS[name], SIGNATURES[name], dtype=dtype)


@in_one_test()
@pytest.mark.parametrize("name", SIGNATURES)
def test_wrong_number_of_arguments_is_refused(name):
    signature = SIGNATURES[name]
    names = [f"a{i}" for i in range(len(signature))]
    message = rf"call_{name} takes an address and {len(names)} arguments \({', '.join(signature.names)}\)"
    for missing in {0, len(names) - 1}:  # only their number is compared
        given = names[:missing] + names[missing + 1 :]
        with pytest.raises(TypingError, match=rf"{message}, but the call gives {len(names) - 1}"):
            compile_call(CALLERS[name], signature, given)
    with pytest.raises(TypingError, match=rf"{message}, but the call gives {len(names) + 1}"):
        compile_call(CALLERS[name], signature, [*names, "0"])


#: For each kind of argument, two wrong ones.
OTHERS = {
    SIZE: [POINTER, INTEGERS],
    POINTER: [SIZE, INDICES],
    DOUBLES: [SIZE, INTEGERS],
    INTEGERS: [SIZE, INDICES],
    INDICES: [POINTER, INTEGERS],
    TASK_POINTER: [SIZE, LAYER_POINTER],
    LAYER_POINTER: [POINTER, TASK_POINTER],
}


def wrong_kind(name, place, right):
    return OTHERS[right][(list(SIGNATURES).index(name) + place) % 2]


@in_one_test()
@pytest.mark.parametrize("name", SIGNATURES)
def test_wrong_kinds_of_arguments_are_refused(name):
    """Each argument of each signature, with the two wrong kinds in turn."""
    signature = SIGNATURES[name]
    for place, right in enumerate(signature):
        message = rf"call_{name}: the argument '{signature.names[place]}' is declared as"
        wrong = wrong_kind(name, place, right)
        with pytest.raises(TypingError, match=message):
            compile_call(CALLERS[name], [*signature[:place], wrong, *signature[place + 1 :]])


def test_every_wrong_kind_has_its_turn():
    places = [(name, place, right) for name, kinds in SIGNATURES.items() for place, right in enumerate(kinds)]
    found = {(right, wrong_kind(name, place, right)) for name, place, right in places}
    assert found == {(right, wrong) for right, kinds in OTHERS.items() for wrong in kinds}


@in_one_test()
@pytest.mark.parametrize("name", SIGNATURES)
def test_address_that_is_a_pointer_is_refused(name):
    kernel = calling(CALLERS[name], SIGNATURES[name], [f"a{i}" for i in range(len(SIGNATURES[name]))])
    source = kernel.source._replace(arguments=(POINTER, *SIGNATURES[name]))
    with pytest.raises(TypingError, match=rf"call_{name}: the argument 'address' is declared as a size or an address"):
        build(source, np.float32)


def test_element_types_are_not_mixed():
    with pytest.raises(
        TypingError, match="the argument 'inp' is declared as a pointer to float32, got a pointer to float64"
    ):
        compile_call(calls.call_transpose, (POINTER, SIZE, DOUBLES, SIZE, SIZE, SIZE))


def test_numbers_that_are_no_sizes_are_refused():
    caller = caller_of("call_fill", Signature(out=POINTER, n=SIZE))
    for number in ("1.5", "a1 > 0", "a1 / 2", "None"):
        with pytest.raises(TypingError, match="call_fill: the argument 'n' is declared as a size or an address"):
            compile_call(caller, (POINTER, SIZE), ["a0", number])
    compile_call(caller, (POINTER, SIZE), ["a0", "3"])
    compile_call(caller, (POINTER, SIZE), ["a0", "a1 // 2 + 1"])


def calls_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def name_of(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_no_call_is_untyped():
    """Addresses become functions only in `caller_of` and in the call of NumPy's bit generators."""
    found = {
        source
        for source, tree in trees().items()
        for node in calls_of(tree)
        if name_of(node.func) in ("as_pointer", "inttoptr") and "function.as_pointer()" in ast.unparse(node)
    }
    assert found == {"kernels/lowlevel/pointers.py"}
    for source, tree in trees().items():
        for node in calls_of(tree):
            assert not (isinstance(node.func, ast.Name) and node.func.id == "call"), f"{source}, line {node.lineno}"


def test_each_address_is_called_by_its_own_caller():
    found = {name: set() for name in FIELDS}
    for source, tree in trees().items():
        for node in calls_of(tree):
            name = name_of(node.func).removeprefix("call_")
            if not source.startswith("kernels/") or not name_of(node.func).startswith("call_") or name not in CALLERS:
                continue
            address = node.args[0]
            if isinstance(address, ast.Attribute):
                assert address.attr in FIELDS[name], f"{source}, line {node.lineno}: {ast.unparse(node)}"
                found[name].add(address.attr)
            else:
                assert ast.unparse(address) in ELSEWHERE[name], f"{source}, line {node.lineno}: {ast.unparse(node)}"
    assert found == FIELDS
    assert set().union(*FIELDS.values()) <= set(TASK.names) | set(LAYER.names)


def test_kernels_that_are_called_declare_a_signature_of_this_file():
    for source, tree in trees().items():
        for node in ast.walk(tree):
            if not source.startswith("kernels/") or not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and name_of(decorator.func) == "kernel":
                    declared = ast.unparse(decorator.args[0])
                    expected = declared.endswith("SIGNATURE") and declared.startswith("*")
                    assert expected or node.name in ENTRY_POINTS, f"{source}: {node.name}"


#: Where the kernel behind an address is always the same.
ALWAYS = {
    "multiply": ["linalg.dense.multiply"],
    "transpose": ["linalg.dense.transpose"],
    "copy_panels": ["linalg.packing.copy_panels"],
    "copy_weights": ["linalg.packing.copy_weights"],
    "sparse_forward": ["linalg.sparse.sparse_forward"],
    "sort_by_feature": ["linalg.sparse.sort_by_feature"],
    "sparse_weight_gradient": ["linalg.sparse.sparse_weight_gradient"],
    "weight_gradient": ["loop.weight_gradient.weight_gradient"],
    "update_layer": ["loop.update.update_layer", "tabular.update.update_table_layer"],
    "add_microbatches": ["loop.microbatches.add_microbatches"],
    "predict_rows": ["loop.predict.predict_rows"],
    "layer_rows": [
        "loop.dropout.mask_rows", "loop.dropout.mask_entries", "loop.blocks.multiply_in_blocks",
        "tabular.slopes.activate_with_slopes", "tabular.slopes.mask_with_excess",
    ],
    "batch": [
        "loop.microbatches.microbatch_gradients", "loop.fortran.multiply_fortran",
        "tabular.embedding.update_embeddings", "tabular.look_ups.update_look_ups",
    ],
    "output_backward": ["activations.softmax.softmax_backward"],
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", ALWAYS)
def test_signature_names_the_arguments_of_its_kernels(name):
    for path in ALWAYS[name]:
        module, _, function = path.rpartition(".")
        source = find(f"fastmlp.kernels.{module}", function).source
        assert source.arguments == SIGNATURES[name]
        assert tuple(inspect.signature(source.function).parameters) == SIGNATURES[name].names, path


def test_registered_kernels_declare_the_signature_of_their_address():
    for activation in ACTIVATIONS.values():
        assert activation.kernel.source.arguments == calls.ACTIVATION_SIGNATURE
    for optimizer in OPTIMIZERS.values():
        assert optimizer.kernel().source.arguments == calls.UPDATE_RULE_SIGNATURE


def test_signature_equals_the_tuple_of_its_arguments():
    signature = Signature(out=POINTER, n=SIZE)
    assert signature == (POINTER, SIZE) and signature.names == ("out", "n")
