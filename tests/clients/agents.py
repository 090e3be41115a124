"""Frameworks for agents, as their users write them: agents.py HOLT langchain-ollama|langchain-openai|langgraph|crewai.
Serves the built-in model itself; tools do what they say, in the folder this runs in."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relay import Relay  # noqa: E402

BASE = None  # the server's address
READ = []  # what the tool was asked for
SENT = None  # what the framework sent, as Relay.requests


def read_file(path: str) -> str:
    """Read a text file."""
    READ.append(path)
    try:
        with open(os.path.basename(path)) as f:
            text = f.read()
    except OSError as error:
        return f"error: {error.strerror}"
    return f"1 of 1 lines\n{text}"


def model_name():
    import openai

    return openai.OpenAI(base_url=BASE + "/v1", api_key="holt").models.list().data[0].id


def chat_model(kind):
    if kind == "ollama":
        from langchain_ollama import ChatOllama

        return ChatOllama(model=model_name(), base_url=BASE, temperature=0, validate_model_on_init=True)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=model_name(), base_url=BASE + "/v1", api_key="holt", temperature=0)


def use_langchain(kind):
    """An agent with a tool: it calls it, sees what it gave, and answers."""
    from langchain.agents import create_agent

    llm = chat_model(kind)
    said = llm.invoke("hello")
    assert said.content and said.usage_metadata["output_tokens"] > 0, said
    streamed = "".join(chunk.content for chunk in llm.stream("hello") if isinstance(chunk.content, str))
    assert streamed == said.content, streamed
    agent = create_agent(llm, tools=[read_file])
    result = agent.invoke({"messages": [("user", "What is in notes.txt?")]}, {"recursion_limit": 12})
    messages = result["messages"]
    assert READ and READ[0].endswith("notes.txt"), READ
    assert any(m.type == "tool" and "buy milk" in m.content for m in messages), messages
    assert messages[-1].type == "ai" and "milk" in messages[-1].content, messages[-1]


def use_langgraph(kind):
    """The same loop written as a graph, with a memory between two turns."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    llm = chat_model(kind).bind_tools([read_file])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [llm.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([read_file]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    app = graph.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}, "recursion_limit": 12}
    first = app.invoke({"messages": [("user", "What is in notes.txt?")]}, thread)["messages"]
    assert READ and "milk" in first[-1].content, first
    second = app.invoke({"messages": [("user", "thank you")]}, thread)["messages"]
    assert len(second) >= len(first) + 2 and second[-1].type == "ai", second[-1]


def use_crewai():
    """Two agents with a tool, one after the other; the second can read its file only because it is given what the first said."""
    from crewai import LLM, Agent, Crew, Process, Task
    from crewai.tools import tool

    llm = LLM(model="openai/" + model_name(), base_url=BASE + "/v1", api_key="holt", temperature=0, max_tokens=200)
    reader = tool("read_file", result_as_answer=True)(read_file)
    agents = [Agent(role=role, goal="read files", backstory="You are brief.", llm=llm, tools=[reader], max_iter=4)
              for role in ("reader", "second reader")]
    tasks = [Task(description=text, expected_output="its text", agent=agent)
             for text, agent in zip(("What is in notes.txt?", "What is in the file that is named there?"), agents)]
    result = Crew(agents=agents, tasks=tasks, process=Process.sequential).kickoff()
    first, second = result.tasks_output
    assert [os.path.basename(path) for path in READ] == ["notes.txt", "shop.txt"], READ  # the name comes from the first one's answer
    assert "shop.txt" in first.raw and "buy milk" in second.raw and result.raw == second.raw, result
    texts = ["".join(str(m["content"]) for m in sent["body"]["messages"]) for sent in SENT]
    assert "shop.txt" not in texts[0] and "shop.txt" in texts[-1], texts
    assert result.token_usage.total_tokens > 0, result.token_usage


def main(holt, name):
    global BASE, SENT
    files = {"notes.txt": "shop.txt\n", "shop.txt": "buy milk\n"} if name == "crewai" else {"notes.txt": "buy milk\n"}
    for path, text in files.items():
        with open(path, "w") as f:
            f.write(text)
    server = subprocess.Popen([holt, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        relay = Relay(int(re.search(r" at http://127\.0\.0\.1:(\d+)$", server.stdout.readline()).group(1)))
        BASE, SENT = f"http://127.0.0.1:{relay.port}", relay.requests
        {"langchain-ollama": lambda: use_langchain("ollama"), "langchain-openai": lambda: use_langchain("openai"),
         "langgraph": lambda: use_langgraph("ollama"), "crewai": use_crewai}[name]()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
