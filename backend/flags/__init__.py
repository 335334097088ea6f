"""Something a person must look at: raised once, cleared when its cause is gone."""
