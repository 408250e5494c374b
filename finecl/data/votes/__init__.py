"""Labels from several sources: their votes, what combines them, and how much the sources cover and agree."""
