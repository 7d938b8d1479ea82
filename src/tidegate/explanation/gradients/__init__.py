"""Integrated gradients of an answer, and the scores in torch that they are taken of. Of the explanations only these need torch."""
