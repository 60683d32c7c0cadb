"""Google's services, and what keeps their trouble from becoming ours."""
