"""The steps that judge a pair: its sides, how deep to look, what to compare with."""
