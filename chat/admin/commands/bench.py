"""`huisclos bench …`: measuring with the house's own parts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.output import show, show_fields, show_json
from chat.admin.progress import Count
from chat.admin.session import guarded_settings, stopped_cleanly

application = group("Measure retrieval on collections with known answers.")


@application.command(
    "retrieval",
    epilog=examples(
        "huisclos bench retrieval --beir /srv/beir/scifact --run scifact.trec",
        "huisclos bench retrieval --beir /srv/beir/scifact --ablate",
    ),
)
def retrieval(
    beir: Annotated[
        Path, typer.Option("--beir", exists=True, file_okay=False, help="A folder with corpus.jsonl and queries.jsonl.")
    ],
    out: Annotated[Path | None, typer.Option("--run", help="Where the TREC run goes.")] = None,
    documents: Annotated[int, typer.Option("--k", min=1, help="Documents a query gets in the run.")] = 100,
    is_ablation: Annotated[
        bool, typer.Option("--ablate", help="Measure without each stage instead; the folder needs qrels.tsv.")
    ] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Index a BEIR folder in a temporary sealed collection and write a TREC run. The state folder is not touched."""
    from dataclasses import asdict

    from chat.admin.ablation import run_ablation
    from chat.admin.bench import Step, run_retrieval

    if (out is None) is not is_ablation:
        raise typer.BadParameter("give --run FILE, or --ablate")
    settings = guarded_settings(state)
    with (
        stopped_cleanly("nothing was written; run the command again"),
        Count("indexing", None, MofNCompleteColumn()) as count,
    ):

        def report(step: Step) -> None:
            count.update(step.done, step.total, step.name)

        if out is None:
            rows = [asdict(row) for row in run_ablation(beir, settings, report)]
            show(rows, as_json)
            return
        summary = asdict(run_retrieval(beir, out, settings, documents, report))
    (show_json if as_json else show_fields)(summary)
