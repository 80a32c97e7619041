"""What a command imports that runs trials in its own process."""

from importlib import import_module

for name in (
    "torch",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.auto.tokenization_auto",
    "search.cli.app",
    "search.confirm.run",
    "search.executors.in_process",
    "search.export.run",
    "search.session.run",
):
    import_module(name)
