"""What people do with revisions in git: make one, put them in line after a merge, accept an edit."""
