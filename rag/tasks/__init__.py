"""What people ask of documents beside questions: lists, summaries, comparisons, translations, drafts, all cited."""
