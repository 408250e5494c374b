"""A language model as a source of labels, and as a judge of labels: any endpoint that speaks OpenAI's protocol."""

from finecl import hookimpl
from finecl.types import Labelers, Scorers


@hookimpl
def labelers() -> Labelers:
    """Returns llm; the client is imported when it is used."""
    from finecl_llm.labeler import LanguageModel

    return {"llm": LanguageModel}


@hookimpl
def noise_scorers() -> Scorers:
    """Returns llm-judge."""
    from finecl_llm.judge import Judge

    return {"llm-judge": Judge}
