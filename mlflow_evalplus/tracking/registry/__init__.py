"""The model registry: who is champion, on what evidence, who replaced whom, and the way back."""
