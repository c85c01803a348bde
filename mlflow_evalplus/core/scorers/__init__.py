"""Question and answer → `Score`."""
