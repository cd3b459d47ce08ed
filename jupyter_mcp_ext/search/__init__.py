"""Text in files and notebooks below a folder: where it is, with lines and handles of cells."""
