"""The stream on a disk: recorder, repair, replay, export."""
