"""The GraphQL that the job sends. Every query validates against the schema that the sandbox
serves.
"""

ROUND = "{ number openTime closeTime closeStakingTime }"
VERDICT = "{ id filename status errorInfo round { number tournament } }"
MODELS = f"""
  username
  models {{
    id name tournament archived submissionWebhook
    computePickleUpload {{ id filename }}
    latestSubmissions(latestNRounds: 2) {{ id filename roundNumber status timestamp }}
    latestSubmissionV2 {VERDICT}
    latestSignalsSubmissionV2 {VERDICT}
  }}"""
_HISTORY = f"""
  username
  models {{
    id name tournament archived submissionWebhook
    computePickleUpload {{ id filename }}
    latestSubmissions(latestNRounds: LAST) {{
      id filename roundNumber roundOpen roundCloseStaking status timestamp
    }}
    latestSubmissionV2 {VERDICT}
    latestSignalsSubmissionV2 {VERDICT}
  }}"""
_TICKET = f"""
query($filename: String!, $tournament: Int!, $modelId: ID) {{
  ticket: FIELD(filename: $filename, tournament: $tournament, modelId: $modelId) {{
    filename url
  }}
  rounds(tournament: $tournament, status: OPEN) {ROUND}
}}"""
_CREATE = """
mutation($filename: String!, $tournament: Int!, $modelId: ID, $dataDatestamp: Int) {
  made: FIELD(
    filename: $filename, tournament: $tournament, modelId: $modelId, source: "numerai-job",
    dataDatestamp: $dataDatestamp
  ) {
    id round { number }
  }
}"""
DOWNLOAD = "query($id: ID!) { submissionDownloadAuth(id: $id) { filename url } }"
DATASET = """
query($filename: String!, $round: Int, $tournament: Int) {
  dataset(filename: $filename, round: $round, tournament: $tournament)
}"""
DATASETS = """
query($round: Int, $tournament: Int) { listDatasets(round: $round, tournament: $tournament) }"""
WEBHOOK = """
mutation($modelId: String, $url: String) {
  setSubmissionWebhook(modelId: $modelId, newSubmissionWebhook: $url)
}"""


def history(last: int) -> str:
    """The account's models with what became of each in the last rounds."""
    return _HISTORY.replace("LAST", str(last))


def ticket(tournament: str) -> str:
    """Leave to upload; Signals has a call of its own."""
    signals = tournament == "signals"
    field = "submissionUploadSignalsAuth" if signals else "submissionUploadAuth"
    return _TICKET.replace("FIELD", field)


def create(tournament: str) -> str:
    """The registration of an uploaded file; Signals has a call of its own."""
    signals = tournament == "signals"
    return _CREATE.replace("FIELD", "createSignalsSubmission" if signals else "createSubmission")
