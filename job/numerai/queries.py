"""The GraphQL that the job sends. Every query validates against the schema that the sandbox
serves.
"""

ROUND = "{ number openTime closeTime closeStakingTime }"
MODELS = """
  username
  models {
    id name tournament archived submissionWebhook
    computePickleUpload { id filename }
    latestSubmissions(latestNRounds: 2) { id filename roundNumber status timestamp }
    latestSubmissionV2 { id filename status errorInfo round { number tournament } }
  }"""
TICKET = f"""
query($filename: String!, $tournament: Int!, $modelId: ID) {{
  ticket: submissionUploadAuth(filename: $filename, tournament: $tournament, modelId: $modelId) {{
    filename url
  }}
  rounds(tournament: $tournament, status: OPEN) {ROUND}
}}"""
CREATE = """
mutation($filename: String!, $tournament: Int!, $modelId: ID) {
  createSubmission(
    filename: $filename, tournament: $tournament, modelId: $modelId, source: "numerai-job"
  ) {
    id round { number }
  }
}"""
DATASET = """
query($filename: String!, $round: Int, $tournament: Int) {
  dataset(filename: $filename, round: $round, tournament: $tournament)
}"""
DATASETS = """
query($round: Int, $tournament: Int) { listDatasets(round: $round, tournament: $tournament) }"""
