"""Your own data: converted, checked, counted, split, labelled, cleansed of leaks, and made noisy on purpose."""
