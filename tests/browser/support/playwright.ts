// What tests outside of this folder use of Playwright, which is installed here.
export { test, expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
