"""What an ingest says about its own result: plate effects, overlaps, distributions, and a page to read them on."""
