"""Whether a folder of trials can be trained on: every defect of every file, found before anything is computed."""
