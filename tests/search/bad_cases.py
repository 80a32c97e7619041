"""The table of broken configurations, overrides, records and models, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.search.bad_files import (
    ABSENT,
    ONE_EDIT,
    WEIGHTS,
    cut,
    index_of,
    larger_vocabulary,
    model,
    records,
    safetensors,
    weight_of,
)


@dataclass(frozen=True)
class Case:
    """Files in an empty folder, a command given there, and a part of each line on stderr."""

    name: str
    command: tuple[str, ...]
    says: tuple[str, ...]
    files: Mapping[str, bytes | int] = field(default_factory=dict)


def config(name: str, content: bytes | int, *says: str, command: str = "config") -> Case:
    return Case(name, (command, "c.yaml"), says, {"c.yaml": content})


def override(name: str, text: str, *says: str, command: str = "config") -> Case:
    return Case(name, (command, text), says)


def dataset(name: str, content: bytes | int, *says: str, command: str = "run") -> Case:
    return Case(name, (command, "dataset=d.json", "edits=1"), says, {"d.json": content})


def sharded(index: bytes) -> dict[str, bytes]:
    return model({}, model__safetensors=None, model__safetensors__index__json=index)


def weights(name: str, files: Mapping[str, bytes], *says: str) -> Case:
    return Case(name, ("edit", "model=model", *ONE_EDIT), says, files)


NO_TOKENIZER = "model 'model': the folder must have a tokenizer (tokenizer.json)"
NO_TOKENIZER_FILES = model({}, tokenizer__json=None, tokenizer_config__json=None)

ALIASES = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"

CONFIGURATIONS = [
    config("a text where a number belongs", b"edits: many", "c.yaml:1: edits must be a whole"),
    config("a list where a number belongs", b"mu: [1, 2]", "c.yaml:1: mu must be a number"),
    config("true is no number", b"edits: true", "c.yaml:1: edits must be a whole number"),
    config("a number where a group belongs", b"greedy: 3", "c.yaml:1: 'greedy' is a group"),
    config("an unknown key", b"greedy:\n  stepz: 4", "c.yaml:2: 'greedy.stepz'", command="run"),
    config("the nearest name", b"greedy.stepz: 4", "(did you mean `greedy.steps`?)"),
    config("a key of another group", b"steps: 4", "did you mean `values.steps` or `greedy"),
    config("a broken condition", b"edits: 0", "c.yaml:1: `edits >= 1` must hold"),
    config(
        "three mistakes are three lines",
        b"edits: 0\nmu: x\nfoo: 1",
        *("c.yaml:2: mu must be", "c.yaml:3: 'foo' is not", "c.yaml:1: `edits >= 1`"),
        command="run",
    ),
    config(
        "two settings that exclude each other",
        b"batch_size: 2\ngreedy.max_probes: 4",
        "c.yaml:2; c.yaml:1: `greedy.max_probes <= batch_size` must hold",
    ),
    config("a key twice", b"edits: 4\nedits: 5", "c.yaml:2: 'edits' is set a second time"),
    config("a key nested and dotted", b"greedy: {steps: 1}\ngreedy.steps: 2", "second time"),
    config("aliases that multiply", ALIASES, "c.yaml:2: must be YAML without aliases"),
    config("an alias of itself", b"a: &a {b: *a}", "c.yaml:1: must be YAML without aliases"),
    config("deep lists", b"a: " + b"[" * 500_000, "c.yaml:1: must be YAML nested 20 levels"),
    config("deep mappings", b"{a: " * 200_000, "c.yaml:1: must be YAML nested 20 levels"),
    config("many values", b"- x\n" * 200_000, "must be YAML of 2000 values at most"),
    config("a tag that makes objects", b"mu: !!python/object:os.system x", "tags are not read"),
    config("a tag that calls", b"mu: !!python/object/apply:os.getcwd []", "tags are not read"),
    config("a tag of one's own", b"mu: !evil 3", "c.yaml:1: tags are not read, but got '!evil'"),
    config("binary", bytes(range(256)), "c.yaml: cannot be read: it must be UTF-8"),
    config("a NUL", b"edits: 4\nmu: \0", "c.yaml:2: special characters are not allowed"),
    config("an escape sequence", b"mu: \x1b]0;x\x07", "c.yaml:1: special characters are not"),
    config("UTF-16", "edits: 4".encode("utf-16"), "must be UTF-8, but looks like UTF-16"),
    config("a number of a thousand digits", b"edits: " + b"9" * 5000, "cannot be read as int"),
    config("a text of a megabyte", b"mu: " + b"x" * 1_000_000, "c.yaml:1: mu must be a number"),
    config("a file of a terabyte", 2**40, "c.yaml: a file may hold 1048576 bytes at most"),
    config("no mapping", b"- edits", "c.yaml: must be a mapping of keys to values"),
    config("two documents", b"edits: 4\n---\nedits: 5", "c.yaml:2: but found another document"),
    config("no YAML", b"edits: [4", "c.yaml:1: expected ',' or ']'", command="edit"),
    Case("a folder", ("config", "c.yaml"), ("it must be a file, not a folder",), {"c.yaml/x": b""}),
    config("a model with a long name", b"model: " + b"m" * 10_000, "model must be factworld, a"),
    config("an absent space", b"search.space: x.yaml", "x.yaml: cannot be", command="run"),
    config("an absent space, shown", b"search.space: x.yaml", "x.yaml: cannot be"),
    config(
        "a space that is its own preset",
        b"preset: c.yaml",
        "c.yaml:1: 'preset' is not a setting",
    ),
]

OVERRIDES = [
    override("no key", "=4", "override '=4': must be of the form key=value"),
    override("an unknown one", "greedy.stepz=4", "did you mean `greedy.steps`?", command="run"),
    override("a wrong type", "edits=x", "override 'edits=x': edits must be a whole number"),
    override("a float for a whole number", "edits=4.0", "edits must be a whole number"),
    override("nan", "mu=.nan", "mu must be a number or null, but got nan"),
    override("inf", "mu=.inf", "mu must be a number or null, but got inf"),
    override("a float beyond floats", "mu=1e999", "'1e999' cannot be read as float"),
    override("a float that would be 0", "mu=1e-400", "'1e-400' cannot be read as float"),
    override("a text that would be 0", "mu='1e-400'", "mu must be a number or null, but got '1e-"),
    override("a line end of YAML 1.1", "edits=4\x85", r"override 'edits=4\x85': '\x85' must be"),
    config("another one", b"edits: 4\xe2\x80\xa8", r"c.yaml:1: '\u2028' must be escaped"),
    override("minutes", "mu=1:30", "mu must be a number or null, but got '1:30'"),
    override("a grouped number", "edits=1_000", "edits must be a whole number, but got '1_000'"),
    override("a binary number", "edits=0b1", "edits must be a whole number, but got '0b1'"),
    override("yes", "trust.enabled=yes", "trust.enabled must be true or false, but got 'yes'"),
    override("a column a step", "greedy.steps=1000000", "`greedy.steps <= 256` must hold"),
    override("more edits than records", "edits=1000000000000", "`edits <= 1000000` must hold"),
    override(
        "trials without end", f"search.trials={2**62}", "`search.trials <= 1000000` must hold"
    ),
    override("a wait of ages", "search.trial_timeout=1e300", "`search.trial_timeout <= 31536000`"),
    override("a rate beyond floats", "values.lr=1e300", "`values.lr < 1e9` must hold"),
    override("a share too small", "ray.cpus_per_trial=1e-9", "`ray.cpus_per_trial >= 0.0001`"),
    override("a seed below 0", "search.seed=-1", "`search.seed >= 0` must hold"),
    override("a seed too large", f"search.seed={2**63}", "a whole number must fit into 64 bits"),
    override("a number beyond 64 bits", f"seed={2**70}", "a whole number must fit into 64 bits"),
    override("a weight beyond sums", "composite_weights=[1e308,1e308,1e308]", "must be from 0 to"),
    override("threads without end", "threads=99999999", "`1 <= threads <= 1024` must hold"),
    override("a cache without end", "cache.limit_gb=1e300", "`0 < cache.limit_gb <= 1e9`"),
    override("a cache with a NUL", 'cache.dir="a\\0b"', "cache.dir must be a path that a file"),
    override("a cache of nobody", "cache.dir=~nobody-here/c", "nobody-here must be a user of this"),
    override("a cache elsewhere", "cache.dir=gs://b/c", "cache.dir must be a path on this machine"),
    override("a dataset elsewhere", "dataset=http://h/d.json", "dataset must be a path on this"),
    override(
        "a corpus elsewhere", "covariance.corpus=file:///c", "covariance.corpus must be a path"
    ),
    override("a model elsewhere", "model=hf://owner/name", "model must be a path on this machine"),
    override(
        "a space elsewhere", "search.space=S3://b/x.yaml", "x.yaml: must be a path", command="run"
    ),
    override("a space elsewhere, shown", "search.space=gs://b/x.yaml", "x.yaml: must be a path"),
    override("a space that is a device", "search.space=/dev/zero", "a space must be a preset"),
    Case(
        "results elsewhere", ("run", "--results", "gs://b"), ("--results must be a path on this",)
    ),
    Case(
        "a configuration elsewhere", ("run", "gs://b/c.yaml"), ("the configuration must be a path",)
    ),
    Case(
        "a report elsewhere", ("status", "hdfs://h/r/first"), ("a sweep's folder must be a path",)
    ),
    Case(
        "events elsewhere", ("edit", "--events", "s3://b/e"), ("--events must be a path on this",)
    ),
    override("no YAML", "layers=[0", "override 'layers=[0': expected ',' or ']'"),
    override("deep nesting", "layers=" + "[" * 5000, "must be YAML nested 20 levels deep"),
    override("a relative module", "greedy.metric=..:f", "must be of the form module:function"),
    override("a path as a function", "greedy.metric=/x.py:f", "of the form module:function"),
    override("an absent dataset", "dataset=no.json", "no.json: cannot be read: No such file"),
    override("a dataset with a NUL", 'dataset="a\\0b"', "dataset must be a path that a file can"),
    override("a dataset that is a device", "dataset=/dev/zero", "not a pipe or device"),
    override("an absent corpus", "covariance.corpus=no.txt", "covariance.corpus no.txt: cannot"),
    override(
        "a corpus with a NUL", 'covariance.corpus="a\\0b"', "corpus must be a path that a file"
    ),
    override(
        "a corpus of half a pair", 'covariance.corpus="\\ud800"', "must be a path that a file can"
    ),
    override("an absent model", "model=./no/such", "got './no/such', where no folder is"),
    override("a model with an escape", 'model="\\e]0;x\\a"', "but got '\\x1b]0;x\\x07'"),
    Case("a name that climbs", ("run", "--name", "../x"), ("--name must be letters",)),
    Case("a name with a separator", ("run", "--name", "a/b"), ("--name must be letters",)),
    Case("an absolute name", ("run", "--name", "/tmp/x"), ("--name must be letters",)),
    Case("a name with a NUL", ("run", "--name", "a\0b"), ("--name must be letters",)),
    Case("a hidden name", ("run", "--name", ".x"), ("--name must be letters",)),
    Case("events nowhere", ("edit", "--events", "no/x.jsonl"), ("--events no/x.jsonl: cannot",)),
    Case("events in a folder", ("edit", "--events", "."), ("--events .: cannot be written",)),
]

CUTS = [
    dataset(f"cut {where}", cut(after), "d.json: not")
    for where, after in {
        "before a key": "[{",
        "inside a key": '"case_',
        "before a colon": '"case_id"',
        "before a number": '"case_id": ',
        "behind a number": '"case_id": 7',
        "behind a comma": '"case_id": 7,',
        "inside a text": "Danielle Dar",
        "inside an object": '{"str": "English"',
        "inside a list": '"She speaks"',
        "before the end": "Montesquieu speaks",
    }.items()
]

CONTRADICTING = (
    records()[:-1]
    + b","
    + records("requested_rewrite.target_new.str", "Dutch").replace(b": 7,", b": 8,")[1:]
)

RECORDS = [
    dataset("nothing", b"", "d.json: not JSON: Expecting value at line 1, column 1"),
    dataset("cut inside a character", cut("hei") + b"\xc3", "d.json: not UTF-8 text"),
    dataset("UTF-16", records().decode().encode("utf-16"), "not UTF-8 text: it looks like UTF-16"),
    dataset("Latin-1", cut("heiß").decode().encode("latin-1"), "d.json: not UTF-8 text"),
    dataset(
        "a key twice",
        records().replace(b'"subject"', b'"prompt": "{} is", "subject"'),
        "d.json: record 0 (case_id 7): requested_rewrite.prompt: is set a second time",
    ),
    dataset(
        "126 MB of nothing",
        b"[" + b"{}," * 42_000_000 + b"{}]",
        "d.json: JSON may hold 8388608 commas and brackets at most, but holds 84000002",
    ),
    dataset(
        "a NUL", records("paraphrase_prompts", ["a\0"]), "paraphrase_prompts[0]: must not hold"
    ),
    Case(
        "edits that contradict each other",
        ("run", "dataset=d.json", "edits=2", "conflicts=refuse"),
        ("edited records must not contradict each other where conflicts is refuse",),
        {"d.json": CONTRADICTING},
    ),
    dataset("an object", b"{}", "d.json: must be a non-empty list of records"),
    dataset("no records", b"[]", "d.json: must be a non-empty list of records", command="edit"),
    dataset("a number as record", b"[3]", "d.json: record 0: must be an object"),
    dataset("NaN as number", records("case_id", float("nan")), "case_id: must be a whole number"),
    dataset("text as number", records("case_id", "7"), "case_id: must be a whole number"),
    dataset("a number beyond 64 bits", records("case_id", 2**64), "case_id: must fit into 64"),
    dataset("no number", records("case_id", ABSENT), "record 0: case_id: is missing"),
    dataset("no rewrite", records("requested_rewrite", ABSENT), "requested_rewrite: is missing"),
    dataset("no subject", records("requested_rewrite.subject", ABSENT), "subject: is missing"),
    dataset("a blank subject", records("requested_rewrite.subject", " "), "must not be blank"),
    dataset(
        "no place for the subject",
        records("requested_rewrite.prompt", "He said"),
        'd.json: record 0 (case_id 7): requested_rewrite.prompt: must hold one "{}"',
    ),
    dataset("two places", records("requested_rewrite.prompt", "{} {}"), 'must hold one "{}"'),
    dataset(
        "half a surrogate pair",
        records("requested_rewrite.target_new.str", "\ud800"),
        "target_new.str: must be valid Unicode",
    ),
    dataset("no target", records("requested_rewrite.target_new", {}), "target_new.str: is missing"),
    dataset(
        "the target that it has",
        records("requested_rewrite.target_new.str", " French"),
        "requested_rewrite.target_new: must differ from target_true",
    ),
    dataset("text as prompts", records("paraphrase_prompts", "x"), "must be a list, but got 'x'"),
    dataset("an empty prompt", records("paraphrase_prompts", ["a", ""]), "paraphrase_prompts[1]"),
    dataset("a prompt of NaN", records("neighborhood_prompts", [float("nan")]), "but got nan"),
    dataset(
        "a prompt of a megabyte",
        records("paraphrase_prompts", ["x" * 2**20]),
        "must have 20000 characters at most, but has 1048576",
    ),
    dataset(
        "a number twice",
        b"[" + records()[1:-1] + b"," + records()[1:-1] + b"]",
        "d.json: case_id 7 occurs 2 times; it must be unique",
    ),
    dataset("deep nesting", b"[" * 1_000_000, "d.json: not JSON"),
    dataset(
        "nesting just short of too deep",
        records("paraphrase_prompts", ABSENT)[:-2]
        + b', "paraphrase_prompts": ['
        + b"[" * 900
        + b"]" * 900
        + b"]}]",
        "paraphrase_prompts[0]: must be text, but got [[[[",
    ),
    dataset("a file of a terabyte", 2**40, "d.json: cannot be read: a file may hold 134217728"),
    dataset(
        "wrong in a million places",
        b"[" + b"0," * 1_000_000 + b"0]",
        *(f"d.json: record {number}: must be an object" for number in range(100)),
        "d.json: the records after 99 were not looked at",
    ),
    Case(
        "a prompt beyond the context",
        ("edit", "dataset=d.json", *ONE_EDIT),
        ("case_id 7: prompt 'He said He said",),
        {"d.json": records("paraphrase_prompts", ["a", "He said " * 2000])},
    ),
    Case(
        "too few",
        ("run", "dataset=d.json", "edits=2"),
        ("`edits + confirm_records <= records of the dataset` must hold",),
        {"d.json": records()},
    ),
]

MODELS = [
    weights("an empty folder", {"model/x": b""}, "the folder must have a config.json"),
    weights("a configuration cut", model(b'{"model_type": "gp'), "config.json: not JSON"),
    weights("a configuration in UTF-16", model("{}".encode("utf-16")), "it looks like UTF-16"),
    weights(
        "a layer number twice",
        model(b'{"model_type": "gpt2", "n_layer": 2, "n_layer": 3}'),
        "model 'model': config.json: n_layer is set a second time",
    ),
    weights("a configuration of text", model(b'"gpt2"'), "config.json must hold an object"),
    weights("deep nesting", model(b"[" * 100_000), "model 'model': config.json"),
    weights("a configuration of NULs", model(b"\0" * 2**21), "may hold 1048576 bytes at most"),
    weights("a family that is not known", model({"model_type": "bert"}), "['gpt2', 'llama']"),
    weights("a family that is a list", model({"model_type": ["gpt2"]}), "name a model_type"),
    weights("a billion layers", model({"n_layer": 10**9}), "from 1 to 1000, but got"),
    weights("half a layer", model({"n_layer": 0.5}), "its number of layers"),
    weights("true layers", model({"n_layer": True}), "its number of layers"),
    weights("no width", model({"n_embd": 0}), "model 'model' cannot be loaded"),
    weights("width as text", model({"n_embd": "x"}), "model 'model' cannot be loaded"),
    weights("no heads", model({"n_head": 0}), "model 'model' cannot be loaded"),
    weights("no type that torch has", model({"dtype": "x"}), "model 'model' cannot be loaded"),
    weights("other shapes", model({"vocab_size": 10**12}), "model 'model' cannot be loaded"),
    weights("labels as number", model({"id2label": 7}), "model 'model' cannot be loaded"),
    weights("weights elsewhere", model({"transformers_weights": "x"}), "must not say where the"),
    weights("no weights", model({}, model__safetensors=None), "its weights must be safetensors"),
    weights("weights of nothing", model({}, model__safetensors=b""), "header too small"),
    weights("weights cut", model({}, model__safetensors=WEIGHTS[:-9]), "cannot be loaded: Error"),
    weights("a header cut", model({}, model__safetensors=WEIGHTS[:90]), "invalid header length"),
    weights(
        "a header of exabytes", model({}, model__safetensors=safetensors(b"{}", 2**62)), "too large"
    ),
    weights(
        "a header that ends early",
        model({}, model__safetensors=safetensors(WEIGHTS[8:], 3)),
        "invalid JSON in header",
    ),
    weights(
        "a tensor of exabytes",
        model(
            {},
            model__safetensors=safetensors(
                b'{"a":{"dtype":"F16","shape":[1099511627776,1048576],"data_offsets":[0,9]}}'
            ),
        ),
        "overflow computing buffer size",
    ),
    weights("no tensors", model({}, model__safetensors=safetensors(b"{}")), "lacks weights"),
    weights("an index cut", sharded(b"{"), "model.safetensors.index.json: not JSON"),
    weights("an index of nothing", sharded(b"{}"), "must have a weight_map"),
    weights("an index of elsewhere", sharded(index_of("../w.safetensors")), "files beside it"),
    weights("an index of pickles", sharded(index_of("w.bin")), "but got 'w.bin'"),
    weights(
        "NaN among the weights",
        model({}, model__safetensors=weight_of("transformer.h.5.mlp.c_proj.weight", float("nan"))),
        "weights must be finite, but not so ['transformer.h.5.mlp.c_proj.weight']",
    ),
    weights(
        "inf among the weights",
        model({}, model__safetensors=weight_of("transformer.ln_f.weight", float("inf"))),
        "weights must be finite, but not so ['transformer.ln_f.weight']",
    ),
    weights("a tokenizer cut", model({}, tokenizer__json=b'{"added_'), "cannot be loaded"),
    weights("a tokenizer of nothing", model({}, tokenizer__json=b"{}"), "cannot be loaded"),
    weights("no tokenizer", model({}, tokenizer__json=None), NO_TOKENIZER),
    weights("no tokenizer files", NO_TOKENIZER_FILES, NO_TOKENIZER),
    Case("a sweep without", ("run", "model=model"), (NO_TOKENIZER,), NO_TOKENIZER_FILES),
    weights(
        "a tokenizer of another model",
        model({}, tokenizer__json=larger_vocabulary(50)),
        "its tokenizer must be the model's own, but 50 of its",
    ),
]
