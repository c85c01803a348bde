"""The same questions asked by us, by a bare loop, and by other tools: one script each, run by the tool's own Python.

Each asks 660 choice questions of the server at `url` with 16 calls at once, keeps and scores the answers, and prints
its seconds and its CPU seconds, imports left out.
"""

from __future__ import annotations

BEGIN = """
import json, os, sys, time
url, folder, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = [{"id": f"q{i}", "input": f"Which is number {i}?", "choices": [f"{i + k}" for k in range(4)], "gold": "B"}
        for i in range(n)]
"""

END = """
print("MEASURED " + json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "right": right}))
"""

BARE = """
import asyncio
from openai import AsyncOpenAI

async def main():
    client, turn = AsyncOpenAI(base_url=url, api_key="none"), asyncio.Semaphore(16)
    async def one(row):
        lines = [row["input"], *(f"{letter}. {text}" for letter, text in zip("ABCD", row["choices"]))]
        async with turn:
            made = await client.chat.completions.create(
                model="fake", messages=[{"role": "user", "content": "\\n".join(lines)}], temperature=0, max_tokens=16)
        return made.choices[0].message.content
    return await asyncio.gather(*(one(row) for row in rows))

wall, cpu = time.perf_counter(), time.process_time()
right = sum(text.endswith("B") for text in asyncio.run(main()))
"""

OURS = """
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.core.questions.prompting import as_asked
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.scorers.scoring import score_answer
import openai

wall, cpu = time.perf_counter(), time.process_time()
questions = question_set([{**row, "type": "choice", "dimension": "numbers"} for row in rows])
requests = [Request(question.id, as_asked(question)) for question in questions]
candidate = Endpoint("fake", url, "fake", parameters={"temperature": 0, "max_tokens": 16}, concurrency=16)
with Journal(folder + "/journal.jsonl") as journal:
    answers = ask_all([candidate], {"fake": requests}, journal=journal)["fake"]
right = sum(score_answer(question, answer).passed for question, answer in zip(questions, answers))
"""

EVALSCOPE = """
import csv
from evalscope import TaskConfig, run_task

os.makedirs(folder + "/mcq")
with open(folder + "/mcq/default_val.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["id", "question", "A", "B", "C", "D", "answer"])
    writer.writerows([row["id"], row["input"], *row["choices"], row["gold"]] for row in rows)
wall, cpu = time.perf_counter(), time.process_time()
found = run_task(TaskConfig(
    model="fake", api_url=url, api_key="none", eval_type="openai_api", datasets=["general_mcq"],
    dataset_args={"general_mcq": {"local_path": folder + "/mcq", "subset_list": ["default"]}}, eval_batch_size=16,
    generation_config={"temperature": 0, "max_tokens": 16}, work_dir=folder + "/out"))
right = round(found["general_mcq"].score * n)
"""

INSPECT = """
os.environ["OPENAI_API_KEY"] = "none"
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice

samples = [Sample(id=row["id"], input=row["input"], choices=row["choices"], target=row["gold"]) for row in rows]
wall, cpu = time.perf_counter(), time.process_time()
log = eval(
    Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice(),
         config=GenerateConfig(temperature=0, max_tokens=16, max_connections=16)),
    model="openai/fake", model_base_url=url, model_args={"responses_api": False}, log_dir=folder + "/logs",
    display="none", max_samples=16)[0]
right = round(log.results.scores[0].metrics["accuracy"].value * n)
"""

SCRIPTS = {
    name: BEGIN + script + END
    for name, script in (("bare", BARE), ("ours", OURS), ("evalscope", EVALSCOPE), ("inspect", INSPECT))
}
