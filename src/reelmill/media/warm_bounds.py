"""What goes between us and a warm child is bounded on both sides. Pure."""

QUESTION_BYTES = 2**15
"""The most of a question: MOST_LOOKS numbers, or the order of a step of stills."""
ANSWER_BYTES = 2**24
"""The most of an answer, and of what was made with it."""
MOST_WARNINGS, WARNING_CHARACTERS = 20, 1000
"""Of a step of stills."""
